//! The options of this engine in a specification: `engine_options["docker"]`.

use serde::Deserialize;

use super::NAME;
use super::images::PullPolicy;
use super::platform::Platform;
use crate::command::signal::Signal;
use crate::error::{Error, Result};
use crate::short::short;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;

/// Options that only this engine has. In JSON:
///
/// ```
/// # let spec = isolation::EnvironmentSpec::from_json(r#"
/// {"engine_options": {"docker": {
///     "platform": "linux/arm64",
///     "extra_hosts": ["db.test:10.0.0.7"]
/// }}}
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DockerOptions {
    /// The host name of the environment; by default the beginning of the ID of its container.
    pub(super) hostname: Option<String>,
    /// The platform of the image, if it has several: `linux/arm64`.
    pub(super) platform: Option<String>,
    /// Whether an init program is process 1: it passes on signals to the main process and reaps
    /// orphaned processes. By default a main process has one if its container ends with its owner.
    pub(super) init: Option<bool>,
    /// The signal by which a stop asks the main process to end, such as `SIGINT`. By default it is
    /// that of the image, or `SIGTERM`.
    pub(super) stop_signal: Option<Signal>,
    /// Whether the main process has a terminal. Its log then has no standard error of its own.
    pub(super) tty: bool,
    /// Whether the standard input of the main process stays open, and has no content. By default,
    /// it reads the end of the input at once.
    pub(super) stdin_open: bool,
    /// Additional entries of `/etc/hosts`: `name:address`.
    pub(super) extra_hosts: Vec<String>,
    /// When the image is pulled: `always`, `missing` or `never`. By default the engine's policy.
    pub(super) pull: Option<PullPolicy>,
}

impl DockerOptions {
    /// The options in a specification. An unknown option is an error that names the known ones.
    pub(super) fn of(spec: &EnvironmentSpec) -> Result<Self> {
        let Some(value) = spec.engine_options.get(NAME) else {
            return Ok(Self::default());
        };
        if !value.is_object() {
            return Err(Error::invalid("the options of an engine must be a JSON object"));
        }
        let options = Self::deserialize(value)
            .map_err(|error| Error::invalid(format!("an option of the engine {NAME} is invalid: {error}")))?;
        options.platform.as_deref().map(Platform::parse).transpose()?;
        options.hostname.as_deref().map_or(Ok(()), check_hostname)?;
        if spec.main == Main::Idle && (options.tty || options.stdin_open) {
            let text = "the options tty and stdin_open are those of a main process; name one, or remove them";
            return Err(Error::invalid(text));
        }
        Ok(options)
    }
}

/// The kernel takes 64 bytes, and other programs look the name up.
fn check_hostname(name: &str) -> Result<()> {
    let of_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && label.chars().all(of_label);
    match name.len() <= 63 && name.split('.').all(label) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{name:?} is not a host name; use at most 63 letters, digits, `-` and `.`",
            name = short(name)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostname_is_checked() {
        for name in ["web", "web-1.test", "a_b", &"a".repeat(63)] {
            check_hostname(name).unwrap();
        }
        for name in ["", "-web", "web..test", "a b", "é", "a/b", &"a".repeat(64)] {
            check_hostname(name).unwrap_err();
        }
    }

    #[test]
    fn unknown_option_is_rejected_with_the_known_ones() {
        let of = |value: serde_json::Value| {
            let engine_options = [(NAME.to_owned(), value)].into();
            DockerOptions::of(&EnvironmentSpec {
                engine_options,
                ..EnvironmentSpec::default()
            })
        };
        let options = of(serde_json::json!({"init": false})).unwrap();
        assert_eq!(options.init, Some(false));
        for value in [
            serde_json::json!({"privileged": true}),
            serde_json::json!({"init": "often"}),
            serde_json::json!({"tty": true}),
            serde_json::json!([]),
        ] {
            let error = of(value).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{error}");
        }
        let error = of(serde_json::json!({"extrahosts": 1})).unwrap_err().to_string();
        assert!(
            error.contains("extrahosts") && error.contains("extra_hosts"),
            "{error}"
        );
    }
}
