//! When an environment is restarted.

use serde::{Deserialize, Serialize};

use super::EnvironmentSpec;
use super::lifetime::Lifetime;
use super::main_process::Main;
use super::validate::Faults;
use crate::command::exit_status::ExitStatus;
use crate::command::input::Input;
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// When the environment is restarted automatically.
///
/// The process that started the environment restarts it, not the engine. So there are no restarts
/// after that process has exited. Pauses grow from 100 milliseconds to a minute, and are short
/// again after a run of ten seconds. A stop or a kill by this process ends the restarts.
///
/// A restart is never silent: an event is sent, and the next command or copy fails once with an
/// error of the kind [`Restarted`](crate::ErrorKind::Restarted), which names the lost data.
///
/// ```
/// let spec = isolation::EnvironmentSpec::from_json(r#"{
///     "main": {"command": {"argv": ["server"]}},
///     "restart": {"on_exit": "failure", "max_attempts": 5}
/// }"#)?;
/// assert_eq!(spec.restart.unwrap().max_attempts, Some(5));
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RestartSpec {
    /// The exits of the main process after which it is restarted.
    pub on_exit: RestartOnExit,
    /// Whether it is also restarted when it becomes unhealthy. It is stopped before.
    pub on_unhealthy: bool,
    /// The maximum number of restarts in a row; `None` for no limit. A run of ten seconds ends the
    /// row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How it is restarted.
    #[serde(skip_serializing_if = "super::is_default")]
    pub recovery: Recovery,
}

/// The action for an environment that must be restarted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// It is restarted; its files stay.
    #[default]
    Restart,
    /// It is recreated from its specification and started: only volumes and mounted directories
    /// keep their files. Only on the engine `docker`.
    Recreate,
    /// It is not restarted: it fails, and every later call returns an error with the reason.
    Fail,
}

/// The exits of the main process after which an environment is restarted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestartOnExit {
    /// After none.
    Never,
    /// After an exit code other than 0.
    #[default]
    Failure,
    /// After each.
    Always,
}

impl RestartSpec {
    /// Whether the environment is restarted after this exit of its main process.
    pub(crate) fn follows(&self, exit: ExitStatus) -> bool {
        match self.on_exit {
            RestartOnExit::Never => false,
            RestartOnExit::Failure => !exit.success(),
            RestartOnExit::Always => true,
        }
    }

    pub(super) fn required_feature(&self) -> Option<Feature> {
        (self.recovery == Recovery::Recreate).then_some(Feature::Recreation)
    }

    pub(super) fn check(&self, spec: &EnvironmentSpec, faults: &mut Faults) {
        if spec.lifetime == Lifetime::Kept {
            let why = "an environment that is kept cannot be restarted by itself: the process that created it \
                       does that, and ends before; omit restart";
            faults.add(Err(Error::invalid(why)));
        }
        if self.on_exit != RestartOnExit::Never && spec.main == Main::Idle {
            let why = "restart needs a main process, whose end it waits for; set main, or on_exit to never";
            faults.add(Err(Error::invalid(why)));
        }
        if let Main::Command(command) = &spec.main {
            if command.input == Input::Piped && self.on_exit != RestartOnExit::Never {
                let why = "a main process with piped input cannot be started again: its input is read; use input \
                           from bytes, or none";
                faults.add(Err(Error::invalid(why)));
            }
        }
        if self.on_unhealthy && spec.health.as_ref().is_none_or(|health| health.disabled) {
            let why = "on_unhealthy needs a health check; set health";
            faults.add(Err(Error::invalid(why)));
        }
    }
}
