//! The labels of environments, by which any process can find them on the daemon.
//!
//! | label | value |
//! |---|---|
//! | [`ENVIRONMENT`] | the ID of the environment; everything with it belongs to the environment |
//! | [`NAME`] | the name of the environment |
//! | [`OWNER`] | the owner, if one was named |
//! | [`SESSION`] | the session, if there is one |
//! | [`VERSION`] | the version of this crate that created it |
//!
//! `docker ps -a --filter label=org.isolation.environment` lists everything that this engine
//! created.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::containers::{ContainerFilters, ListContainers};
//! use isolation::engines::docker::labels;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let filters = ContainerFilters {
//!     label: [labels::ENVIRONMENT].into(),
//!     ..Default::default()
//! };
//! let options = ListContainers { all: true, filters, ..Default::default() };
//! let ours = docker.containers().list(options).await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use engine_api::containers::{ContainerSummary, RunState};

use super::NAME as ENGINE;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

/// The prefix of every key; the labels of a specification must not have it.
pub const PREFIX: &str = "org.isolation.";
/// The ID of the environment.
pub const ENVIRONMENT: &str = "org.isolation.environment";
/// The name of the environment.
pub const NAME: &str = "org.isolation.name";
/// The owner of the environment.
pub const OWNER: &str = "org.isolation.owner";
/// The session of the environment.
pub const SESSION: &str = "org.isolation.session";
/// The version of this crate that created it.
pub const VERSION: &str = "org.isolation.engine-crate-version";

/// The labels of everything that is created for an environment.
pub(super) fn of(id: &EnvironmentId, name: &str, spec: &EnvironmentSpec) -> Result<BTreeMap<String, String>> {
    if let Some(key) = spec.labels.keys().find(|key| key.starts_with(PREFIX)) {
        let why = format!("the label {key:?} is reserved; use a key that does not start with {PREFIX}");
        return Err(Error::invalid(why));
    }
    let ours = [
        (ENVIRONMENT, Some(id.as_str())),
        (NAME, Some(name)),
        (OWNER, spec.owner.as_deref()),
        (SESSION, spec.session.as_deref()),
        (VERSION, Some(env!("CARGO_PKG_VERSION"))),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    Ok(spec.labels.clone().into_iter().chain(ours).collect())
}

/// The environment of a container; `None` if the container does not belong to one.
pub(super) fn read(container: &ContainerSummary) -> Option<EnvironmentSummary> {
    let label = |key: &str| container.labels.get(key).cloned();
    Some(EnvironmentSummary {
        id: label(ENVIRONMENT)?.parse().ok()?,
        name: label(NAME).unwrap_or_default(),
        engine: ENGINE.to_owned(),
        status: status(&container.state),
        owner: label(OWNER),
        session: label(SESSION),
    })
}

fn status(state: &RunState) -> Status {
    match state {
        RunState::Created => Status::Created,
        RunState::Running | RunState::Paused | RunState::Restarting => Status::Running,
        RunState::Removing | RunState::Stopping => Status::Destroying,
        RunState::Exited => Status::Stopped,
        _ => Status::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> EnvironmentSpec {
        EnvironmentSpec {
            labels: [("team".to_owned(), "core".to_owned())].into(),
            session: Some("s1".into()),
            ..EnvironmentSpec::default()
        }
    }

    #[test]
    fn labels_round_trip() {
        let id = EnvironmentId::random();
        let labels = of(&id, "web", &spec()).unwrap();
        assert_eq!(labels["team"], "core");
        assert_eq!(labels[VERSION], env!("CARGO_PKG_VERSION"));
        assert!(!labels.contains_key(OWNER));
        let mut container = ContainerSummary::default();
        assert!(read(&container).is_none(), "a container without labels");
        container.labels = labels;
        container.state = RunState::Running;
        let summary = read(&container).unwrap();
        assert_eq!((summary.id, summary.name.as_str()), (id, "web"));
        assert_eq!((summary.session.as_deref(), summary.owner), (Some("s1"), None));
        assert_eq!(summary.status, Status::Running);
    }

    #[test]
    fn reserved_label_is_rejected() {
        let labels = [(SESSION.to_owned(), "another's".to_owned())].into();
        let spec = EnvironmentSpec { labels, ..spec() };
        let error = of(&EnvironmentId::random(), "web", &spec).unwrap_err();
        assert!(error.to_string().contains(SESSION), "{error}");
    }
}
