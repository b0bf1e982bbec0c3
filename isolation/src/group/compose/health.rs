//! The health check of a service, which decides when it is ready and whether it stays healthy.

use std::time::Duration;

use super::reading::Reading;
use super::yaml::{Node, Value};
use crate::command::Command;
use crate::spec::EnvironmentSpec;
use crate::spec::health::HealthSpec;
use crate::spec::units;
use crate::spec::wait_for::{Readiness, WaitFor};

/// The defaults of docker compose.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// The timeout of the health check of an image, whose times are not known here. The daemon reports
/// the failure of most checks earlier.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(600);

/// Reads `healthcheck`.
pub(super) fn read(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    let (mut check, mut health) = (None, HealthSpec::default());
    for entry in reading.map(node, path) {
        let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
        let mut duration = || reading.parsed(value, &path, "a duration such as 5s", units::parse_duration);
        match entry.key.as_str() {
            "interval" => health.interval = duration(),
            "timeout" => health.timeout = duration(),
            "start_period" => health.start_period = duration(),
            // Checks are more frequent until the first success anyway.
            "start_interval" => {}
            "retries" => health.retries = reading.parsed(value, &path, "a number", str::parse),
            "test" => match test(reading, value, &path) {
                Some(Test::Command(command)) => check = Some(command),
                Some(Test::None) => {
                    spec.health = Some(HealthSpec::disabled());
                    return;
                }
                None => {}
            },
            "disable" => {
                if reading.bool(value, &path) == Some(true) {
                    spec.health = Some(HealthSpec::disabled());
                    return;
                }
            }
            _ => reading.unsupported(entry.line, &path, ""),
        }
    }
    let Some(check) = check else { return };
    let (interval, timeout) = (
        health.interval.unwrap_or(INTERVAL),
        health.timeout.unwrap_or(TIMEOUT),
    );
    let attempts = health.retries.unwrap_or(RETRIES).saturating_add(1);
    let start = health.start_period.unwrap_or_default();
    // It is unhealthy earlier, unless the engine does not answer.
    let limit = start.saturating_add((interval.saturating_add(timeout)).saturating_mul(attempts));
    spec.ready = Some(Readiness {
        wait_for: WaitFor::Healthy,
        timeout: Some(limit),
    });
    health.check = Some(check);
    health.interval.get_or_insert(INTERVAL);
    spec.health = Some(health);
}

/// The readiness of a service whose health check is that of its image.
pub(super) fn of_image() -> Readiness {
    Readiness {
        wait_for: WaitFor::Healthy,
        timeout: Some(IMAGE_TIMEOUT),
    }
}

/// The value of `test`.
enum Test {
    Command(Command),
    /// No health check, not even that of the image.
    None,
}

/// The command: a text for a shell, `[CMD, …]`, `[CMD-SHELL, text]` or `[NONE]`.
fn test(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<Test> {
    if let Value::Text(text) = &node.value {
        return Some(Test::Command(Command::shell(text.clone())));
    }
    let words = reading.texts(node, path);
    match words.first().map(String::as_str) {
        Some("NONE") => Some(Test::None),
        Some("CMD") if words.len() > 1 => Some(Test::Command(Command::new(words.into_iter().skip(1)))),
        Some("CMD-SHELL") if words.len() == 2 => Some(Test::Command(Command::shell(words[1].clone()))),
        _ => {
            let why = "a text is expected, or a list that begins with CMD, CMD-SHELL or NONE";
            reading.fault(node.line, path, why);
            None
        }
    }
}
