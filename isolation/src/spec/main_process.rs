//! The main process of an environment.

use serde::{Deserialize, Serialize};

use super::validate::Faults;
use crate::command::Command;
use crate::command::input::Input;
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// The main process: it starts with the environment, and the environment stops when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Main {
    /// No program of the user: the environment waits for commands.
    #[default]
    Idle,
    /// The image's own program, such as a database server.
    Image,
    /// This command. It has no input, no terminal and no timeout.
    Command(Command),
}

impl Main {
    pub(super) fn check(&self, faults: &mut Faults) {
        let Self::Command(command) = self else {
            return;
        };
        faults.add(command.validate());
        for (given, what) in [
            (command.terminal.is_some(), "a terminal"),
            (command.input != Input::Empty, "input"),
            (command.timeout.is_some(), "a timeout"),
        ] {
            if given {
                let why = format!("the main process cannot have {what}; use it for a command instead");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    pub(super) fn required_features(&self) -> Option<Feature> {
        (*self != Self::Idle).then_some(Feature::MainProcess)
    }
}
