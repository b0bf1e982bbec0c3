//! The health check that an image declares.

use engine_api::common::HealthConfig;
use engine_api::containers::InspectContainer;

use super::container::ContainerRef;
use super::diagnostics::to_error;
use crate::command::Command;
use crate::error::Result;

/// The health check of the image of a container.
pub(super) async fn of(container: &ContainerRef) -> Result<Option<Command>> {
    let containers = container.docker.containers();
    let found = containers
        .inspect(container.id(), InspectContainer::default())
        .await;
    let config = found.map_err(to_error)?.config;
    Ok(config.healthcheck.as_ref().and_then(command))
}

/// The command of a check: `["CMD", args…]`, `["CMD-SHELL", line]` or `["NONE"]`.
fn command(check: &HealthConfig) -> Option<Command> {
    let mut words = check.test.iter().cloned();
    match words.next()?.as_str() {
        "CMD" => Some(Command::new(words)),
        "CMD-SHELL" => Some(Command::shell(words.next()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_of_an_image_is_a_command() {
        let command = |test: &[&str]| {
            let test = test.iter().map(|word| (*word).to_owned()).collect();
            command(&HealthConfig {
                test,
                ..HealthConfig::default()
            })
        };
        assert_eq!(command(&["CMD", "ping", "x"]), Some(Command::new(["ping", "x"])));
        assert_eq!(
            command(&["CMD-SHELL", "ping || exit 1"]),
            Some(Command::shell("ping || exit 1"))
        );
        assert_eq!(command(&["NONE"]), None);
        assert_eq!(command(&[]), None);
    }
}
