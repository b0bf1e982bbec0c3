//! Checks of features and of the status, before any work.

use std::collections::BTreeSet;

use super::first::{DESTROY, START, UNPAUSE};
use super::status::Status;
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel, MissingFeature};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::network::{NetworkMode, OF_ENVIRONMENT};

/// Fails unless the engine supports all these features; the error lists every missing one.
pub(crate) fn features(engine: &str, has: &Capabilities, required: &BTreeSet<Feature>) -> Result<()> {
    match has.missing(required) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Error::unsupported(engine, missing)),
    }
}

/// Fails unless the engine supports everything that the specification needs.
pub(crate) fn specification(engine: &str, has: &Capabilities, spec: &EnvironmentSpec) -> Result<()> {
    features(engine, has, &needed(has, spec))?;
    let shares = spec.network.shares_with().is_some();
    let modes = &has.values().network_modes;
    match shares && !modes.iter().any(|mode| mode == OF_ENVIRONMENT) {
        true => Err(Error::unsupported(
            engine,
            vec![MissingFeature {
                feature: Feature::Networks,
                reason: "two environments cannot have one network".to_owned(),
            }],
        )),
        false => Ok(()),
    }
}

/// The features that the specification needs. An engine without named networks may have the mode of
/// its network.
fn needed(has: &Capabilities, spec: &EnvironmentSpec) -> BTreeSet<Feature> {
    let modes = &has.values().network_modes;
    let mode = spec.network.mode_without_networks();
    match mode.is_some_and(|mode| modes.iter().any(|one| one == mode)) && !has.has(Feature::Networks) {
        true => {
            let mut other = spec.clone();
            other.network.mode = NetworkMode::Default;
            other.required_features()
        }
        false => spec.required_features(),
    }
}

/// Fails if the engine isolates less than the specification requires.
pub(crate) fn isolation(engine: &str, has: IsolationLevel, required: Option<IsolationLevel>) -> Result<()> {
    let Some(required) = required.filter(|required| *required > has) else {
        return Ok(());
    };
    let runs = match has {
        IsolationLevel::Process => "runs commands directly on this host",
        _ => "isolates less",
    };
    let text = format!("an engine with the isolation of a {required} is required, but {engine} {runs}");
    Err(Error::new(ErrorKind::NoEngine, text))
}

/// Fails unless the environment is running; the error names the required call.
pub(crate) fn running(status: Status) -> Result<()> {
    match status {
        Status::Running => Ok(()),
        Status::Paused => Err(Error::wrong_status(status, UNPAUSE)),
        _ => runs(status),
    }
}

/// Fails unless the environment has processes, which may be paused.
pub(super) fn runs(status: Status) -> Result<()> {
    match status {
        Status::Running | Status::Paused => Ok(()),
        Status::Created | Status::Stopped => Err(Error::wrong_status(status, START)),
        _ => exists(status),
    }
}

/// Fails unless the environment is paused.
pub(crate) fn paused(status: Status) -> Result<()> {
    match status {
        Status::Paused => Ok(()),
        Status::Running => Err(Error::wrong_status(
            status,
            "only a paused environment can be resumed",
        )),
        _ => runs(status),
    }
}

/// Fails if the environment is paused or does not have its files.
pub(super) fn can_start(status: Status) -> Result<()> {
    match status {
        Status::Paused => Err(Error::wrong_status(status, UNPAUSE)),
        _ => exists(status),
    }
}

/// Fails unless the environment has its files.
pub(crate) fn exists(status: Status) -> Result<()> {
    match status {
        Status::Created | Status::Running | Status::Paused | Status::Stopped => Ok(()),
        Status::Failed => Err(Error::wrong_status(status, DESTROY)),
        Status::Lost => Err(Error::lost()),
        Status::Destroying | Status::Destroyed => Err(Error::wrong_status(status, "create another")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::values::CapabilityValues;

    #[test]
    fn check_lists_every_missing_feature() {
        let none = Capabilities::new(IsolationLevel::Process);
        let error = features("bare", &none, &[Feature::Images, Feature::Stdin].into()).unwrap_err();
        let missing: Vec<_> = error.missing().iter().map(|one| one.feature).collect();
        assert_eq!(missing, [Feature::Images, Feature::Stdin]);
    }

    #[test]
    fn network_of_another_environment_needs_that_mode() {
        let spec = EnvironmentSpec::from_json(r#"{"network": {"mode": {"environment": "0123"}}}"#).unwrap();
        let networks = Capabilities::new(IsolationLevel::Container).with([Feature::Networks]);
        let error = specification("bare", &networks, &spec).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        assert!(error.to_string().contains("one network"), "{error}");
        let able = networks.with_values(CapabilityValues::default().with(&[], &["default", OF_ENVIRONMENT]));
        specification("able", &able, &spec).unwrap();
        specification("bare", &able, &EnvironmentSpec::default()).unwrap();
    }

    #[test]
    fn mode_of_an_engine_needs_no_named_networks() {
        let values = CapabilityValues::default().with(&[], &["private", "bridge", "host", OF_ENVIRONMENT]);
        let able = Capabilities::new(IsolationLevel::Container).with_values(values);
        let bare = Capabilities::new(IsolationLevel::Container);
        for (network, is_able) in [
            (r#"{"mode": "private", "aliases": ["db"]}"#, true),
            (r#"{"mode": {"environment": "0123"}}"#, true),
            (r#"{"mode": {"named": "bridge"}}"#, true),
            (r#"{"mode": {"named": "host"}}"#, true),
            (r#"{"mode": {"named": "bridge"}, "dns": ["10.0.0.1"]}"#, false),
            (r#"{"mode": {"named": "other"}}"#, false),
            (r#"{"mode": "private", "internal": true}"#, false),
            (r#"{"mode": "private", "dns": ["10.0.0.1"]}"#, false),
        ] {
            let spec = EnvironmentSpec::from_json(&format!(r#"{{"network": {network}}}"#)).unwrap();
            let refused = specification("able", &able, &spec).err();
            assert_eq!(refused.is_none(), is_able, "{network}: {refused:?}");
            assert!(specification("bare", &bare, &spec).is_err(), "{network}");
        }
    }

    #[test]
    fn weaker_isolation_than_required_is_an_error() {
        use IsolationLevel::{Container, Process, VirtualMachine};
        for (has, required, able) in [
            (Process, None, true),
            (Process, Some(Process), true),
            (Process, Some(Container), false),
            (Container, Some(Container), true),
            (VirtualMachine, Some(Container), true),
            (Container, Some(VirtualMachine), false),
        ] {
            assert_eq!(
                isolation("bare", has, required).is_ok(),
                able,
                "{has} {required:?}"
            );
        }
        let error = isolation("bare", Process, Some(Container)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoEngine);
        assert!(
            error.to_string().contains("bare runs commands directly"),
            "{error}"
        );
    }

    #[test]
    fn commands_need_a_running_environment() {
        for status in Status::ALL {
            assert_eq!(running(status).is_ok(), status == Status::Running, "{status}");
        }
        assert_eq!(running(Status::Lost).unwrap_err().kind(), ErrorKind::Lost);
        assert!(exists(Status::Stopped).is_ok());
        for (status, hint) in [
            (Status::Created, "`isolate start "),
            (Status::Running, "only a paused"),
            (Status::Stopped, "start it"),
            (Status::Destroyed, "create another"),
        ] {
            let error = paused(status).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongStatus, "{status}");
            assert!(error.to_string().contains(hint), "{error}");
        }
        assert!(paused(Status::Paused).is_ok() && can_start(Status::Paused).is_err());
        assert!(runs(Status::Paused).is_ok() && runs(Status::Stopped).is_err());
    }
}
