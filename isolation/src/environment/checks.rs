//! Checks of features and of the status, before any work.

use std::collections::BTreeSet;

use super::status::Status;
use crate::engine::capabilities::{Capabilities, Feature};
use crate::error::{Error, Result};

/// Fails unless the engine supports all these features; the error lists every missing one.
pub(crate) fn features(engine: &str, has: &Capabilities, required: &BTreeSet<Feature>) -> Result<()> {
    match has.missing(required) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Error::unsupported(engine, missing)),
    }
}

/// Fails unless the environment is running; the error names the call that is missing.
pub(super) fn running(status: Status) -> Result<()> {
    match status {
        Status::Running => Ok(()),
        Status::Created | Status::Stopped => Err(Error::wrong_status(status, "start it first")),
        _ => exists(status),
    }
}

/// Fails unless the environment has its files.
pub(super) fn exists(status: Status) -> Result<()> {
    match status {
        Status::Created | Status::Running | Status::Stopped => Ok(()),
        Status::Failed => Err(Error::wrong_status(status, "destroy it and create another")),
        Status::Lost => Err(Error::lost()),
        Status::Destroying | Status::Destroyed => Err(Error::wrong_status(status, "create another")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::engine::capabilities::IsolationLevel;

    #[test]
    fn check_lists_every_missing_feature() {
        let none = Capabilities::new(IsolationLevel::Process);
        let error = features("bare", &none, &[Feature::Images, Feature::Stdin].into()).unwrap_err();
        let missing: Vec<_> = error.missing().iter().map(|one| one.feature).collect();
        assert_eq!(missing, [Feature::Images, Feature::Stdin]);
    }

    #[test]
    fn commands_need_a_running_environment() {
        for status in Status::ALL {
            assert_eq!(running(status).is_ok(), status == Status::Running, "{status}");
        }
        assert_eq!(running(Status::Lost).unwrap_err().kind(), ErrorKind::Lost);
        assert!(exists(Status::Stopped).is_ok());
    }
}
