//! The main process of an environment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::validate::{self, Faults};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// The main process: it starts with the environment, and the environment stops when it exits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Main {
    /// No program: the environment waits for commands.
    #[default]
    Idle,
    /// The image's own program, such as a database server.
    Image,
    /// The image's own program, with these arguments instead of those of the image.
    Arguments(Vec<String>),
    /// This command. Its input and its timeout need
    /// [`Environment::start_attached`](crate::Environment::start_attached): a plain start writes no
    /// input and has no timeout.
    Command(Command),
}

impl Main {
    pub(super) fn check(&self, faults: &mut Faults) {
        match self {
            Self::Command(command) => faults.add(command.validate()),
            Self::Arguments(arguments) => {
                if arguments.is_empty() {
                    let why = "the arguments of the main process are empty; use \"image\" for its own";
                    faults.add(Err(Error::invalid(why)));
                }
                for argument in arguments {
                    faults.add(validate::no_nul("an argument", argument));
                }
            }
            Self::Idle | Self::Image => {}
        }
    }

    pub(super) fn required_features(&self) -> BTreeSet<Feature> {
        match self {
            Self::Idle => BTreeSet::new(),
            Self::Image | Self::Arguments(_) => [Feature::MainProcess].into(),
            Self::Command(command) => {
                let mut features = command.required_features();
                features.insert(Feature::MainProcess);
                features
            }
        }
    }
}
