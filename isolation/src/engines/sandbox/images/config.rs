//! The meaning of the configuration of an image for the commands of an environment.

use std::collections::BTreeMap;

use engine_api::common::HealthConfig;
use engine_api::images::ImageConfig;

use super::super::identity::Identity;
use super::kept::Kept;
use super::unpack::LeftOut;
use crate::command::Command;
use crate::counted::counted;
use crate::spec::EnvironmentSpec;

/// The settings of an image for commands; those of the specification come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Defaults {
    pub(in super::super) env: BTreeMap<String, String>,
    pub(in super::super) working_dir: Option<String>,
    /// `user`, `user:group` or numbers; `None` for root.
    pub(in super::super) user: Option<String>,
    pub(in super::super) entrypoint: Vec<String>,
    pub(in super::super) cmd: Vec<String>,
    /// Without `SIG`.
    pub(in super::super) stop_signal: String,
    pub(in super::super) health_check: Option<Command>,
}

/// The signal that an image without another one is stopped with.
const TERM: &str = "TERM";

impl Default for Defaults {
    fn default() -> Self {
        Self::of_config(&ImageConfig::default())
    }
}

impl Defaults {
    /// The working directory of an environment. A relative one begins at the root, as on every
    /// engine.
    pub(in super::super) fn working_dir_of(&self, spec: &EnvironmentSpec) -> String {
        match (&spec.working_dir, &self.working_dir) {
            (Some(own), _) if own.starts_with('/') => own.clone(),
            (Some(own), _) => format!("/{own}"),
            (None, of_image) => of_image.clone().unwrap_or_else(|| "/".to_owned()),
        }
    }

    pub(in super::super) fn of(kept: &Kept) -> Self {
        Self::of_config(kept.config())
    }

    pub(in super::super) fn of_config(config: &ImageConfig) -> Self {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        let variable = |entry: &str| {
            let (name, value) = entry.split_once('=')?;
            (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        };
        let root = |user: &String| matches!(user.as_str(), "0" | "root" | "0:0" | "root:root");
        Self {
            env: config.env.iter().filter_map(|entry| variable(entry)).collect(),
            working_dir: filled(&config.working_dir).map(|path| match path.starts_with('/') {
                true => path,
                false => format!("/{path}"),
            }),
            user: filled(&config.user).filter(|user| !root(user)),
            entrypoint: config.entrypoint.to_vec(),
            cmd: config.cmd.to_vec(),
            stop_signal: stop_signal(&config.stop_signal),
            health_check: config.healthcheck.as_ref().and_then(health_check),
        }
    }
}

/// The signal of an image, as a shell names it. A text that cannot be one is the default.
fn stop_signal(text: &str) -> String {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '+' | '-');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits) {
        true => name.to_owned(),
        false => TERM.to_owned(),
    }
}

/// The command of a check: `["CMD", args…]`, `["CMD-SHELL", line]` or `["NONE"]`.
fn health_check(check: &HealthConfig) -> Option<Command> {
    let mut words = check.test.iter().cloned();
    match words.next()?.as_str() {
        "CMD" => Some(Command::new(words)),
        "CMD-SHELL" => Some(Command::shell(words.next()?)),
        _ => None,
    }
}

/// That commands do not run as the user of the image.
pub(in super::super) fn user_left_out(kept: &Kept) -> Option<String> {
    let user = Defaults::of(kept).user?;
    match kept.identity() {
        Identity::Caller => Some(format!("commands run as root, not as {user}: there is one user")),
        Identity::Range { .. } | Identity::Mapped { .. } => None,
    }
}

/// The entries that an environment does not have as they are, as sentences for people.
pub(in super::super) fn changed(number: LeftOut, identity: Identity) -> Vec<String> {
    let mut found = Vec::new();
    if number.devices > 0 {
        found.push(counted(
            number.devices,
            "device is left out",
            "devices are left out",
        ));
    }
    if number.owners > 0 {
        let (one, many) = match identity {
            Identity::Caller => (
                "file of another user belongs to root: there is one user",
                "files of other users belong to root: there is one user",
            ),
            Identity::Mapped { .. } => (
                "file belongs to another user than it did",
                "files belong to other users than they did",
            ),
            Identity::Range { .. } => (
                "file of a user above 65535 belongs to user 65534",
                "files of users above 65535 belong to user 65534",
            ),
        };
        found.push(counted(number.owners, one, many));
    }
    found
}

/// The settings of an image that environments do not have, as sentences for people.
pub(in super::super) fn left_out(kept: &Kept) -> Vec<String> {
    let config = kept.config();
    let mut found = changed(kept.left_out(), kept.identity());
    found.extend(user_left_out(kept));
    if !config.exposed_ports.is_empty() {
        let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
        found.push(format!("its ports are not published: {}", ports.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_signal_is_a_name_or_a_number() {
        for (text, expected) in [
            ("", "TERM"),
            ("SIGQUIT", "QUIT"),
            ("WINCH", "WINCH"),
            ("3", "3"),
            ("SIGRTMIN+3", "RTMIN+3"),
            ("-1", "TERM"),
            ("9 1; x", "TERM"),
        ] {
            assert_eq!(stop_signal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn health_check_is_a_command_or_a_shell_line() {
        let of = |words: &[&str]| {
            let check = HealthConfig {
                test: words
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>()
                    .into(),
                ..HealthConfig::default()
            };
            health_check(&check).map(|command| command.argv)
        };
        assert_eq!(of(&["NONE"]), None);
        assert_eq!(of(&["CMD", "a", "b"]).unwrap(), ["a", "b"]);
        assert_eq!(of(&["CMD-SHELL", "a b"]).unwrap(), Command::shell("a b").argv);
    }

    #[test]
    fn working_directory_of_an_image_begins_at_its_root() {
        for (text, expected) in [("", None), ("/srv", Some("/srv")), ("srv/app", Some("/srv/app"))] {
            let config = serde_json::json!({"WorkingDir": text});
            let config: ImageConfig = serde_json::from_value(config).unwrap();
            let found = Defaults::of_config(&config).working_dir;
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn entries_that_differ_are_counted_for_people() {
        let of = |devices, owners, identity| changed(LeftOut { devices, owners }, identity);
        let range = Identity::Range { first: 200_000 };
        let mapped = Identity::Mapped { first: 100_000 };
        assert!(of(0, 0, range).is_empty());
        assert_eq!(
            of(1, 1, Identity::Caller),
            [
                "1 device is left out",
                "1 file of another user belongs to root: there is one user"
            ]
        );
        assert_eq!(
            of(2, 1, mapped),
            [
                "2 devices are left out",
                "1 file belongs to another user than it did"
            ]
        );
        assert_eq!(
            of(0, 2, range),
            ["2 files of users above 65535 belong to user 65534"]
        );
    }
}
