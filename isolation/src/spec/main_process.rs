//! The main process of an environment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::validate::Faults;
use crate::command::Command;
use crate::engine::capabilities::Feature;

/// The main process: it starts with the environment, and the environment stops when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Main {
    /// No program of the user: the environment waits for commands.
    #[default]
    Idle,
    /// The image's own program, such as a database server.
    Image,
    /// This command. Its input and its timeout need
    /// [`Environment::start_attached`](crate::Environment::start_attached): a plain start writes no
    /// input and has no timeout.
    Command(Command),
}

impl Main {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let Self::Command(command) = self {
            faults.add(command.validate());
        }
    }

    pub(super) fn required_features(&self) -> BTreeSet<Feature> {
        match self {
            Self::Idle => BTreeSet::new(),
            Self::Image => [Feature::MainProcess].into(),
            Self::Command(command) => {
                let mut features = command.required_features();
                features.insert(Feature::MainProcess);
                features
            }
        }
    }
}
