//! The labels by which environments are known on an engine, whichever process made them.
//!
//! | label | what it holds |
//! |---|---|
//! | [`ENVIRONMENT`] | the environment's id; whatever carries it belongs to the environment |
//! | [`NAME`] | what people call the environment |
//! | [`OWNER`] | who it belongs to, if anybody was named |
//! | [`SESSION`] | the session it belongs to, if there is one |
//! | [`VERSION`] | the version of this crate that made it |
//!
//! So `docker ps -a --filter label=org.isolation.environment` lists everything this engine has made.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::containers::{ContainerFilters, ListContainers};
//! use isolation::engines::docker::labels;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let filters = ContainerFilters { label: vec![labels::ENVIRONMENT.into()], ..Default::default() };
//! let ours = docker.containers().list(ListContainers { all: true, filters, ..Default::default() }).await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use engine_api::containers::{ContainerSummary, RunState};

use super::NAME as ENGINE;
use crate::environment::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::id::EnvironmentId;
use crate::spec::EnvironmentSpec;
use crate::status::Status;

/// The beginning of every key; a specification's own labels cannot begin so.
pub const PREFIX: &str = "org.isolation.";
/// The environment's id.
pub const ENVIRONMENT: &str = "org.isolation.environment";
/// What people call the environment.
pub const NAME: &str = "org.isolation.name";
/// Who the environment belongs to.
pub const OWNER: &str = "org.isolation.owner";
/// The session the environment belongs to.
pub const SESSION: &str = "org.isolation.session";
/// The version of this crate that made it.
pub const VERSION: &str = "org.isolation.engine-crate-version";

/// The labels of everything that is made for an environment.
pub(super) fn of(id: &EnvironmentId, name: &str, spec: &EnvironmentSpec) -> Result<BTreeMap<String, String>> {
    if let Some(key) = spec.labels.keys().find(|key| key.starts_with(PREFIX)) {
        let why =
            format!("the label {key:?} is this engine's own; use a key that does not begin with {PREFIX}");
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

/// The environment that a container belongs to; `None` when it is none of ours.
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
    fn what_is_written_is_read_again() {
        let id = EnvironmentId::random();
        let labels = of(&id, "web", &spec()).unwrap();
        assert_eq!(labels["team"], "core");
        assert_eq!(labels[VERSION], env!("CARGO_PKG_VERSION"));
        assert!(!labels.contains_key(OWNER));
        let mut container = ContainerSummary::default();
        assert!(read(&container).is_none(), "somebody else's container");
        container.labels = labels;
        container.state = RunState::Running;
        let summary = read(&container).unwrap();
        assert_eq!((summary.id, summary.name.as_str()), (id, "web"));
        assert_eq!((summary.session.as_deref(), summary.owner), (Some("s1"), None));
        assert_eq!(summary.status, Status::Running);
    }

    #[test]
    fn a_label_of_ours_cannot_be_forged() {
        let labels = [(SESSION.to_owned(), "another's".to_owned())].into();
        let spec = EnvironmentSpec { labels, ..spec() };
        let error = of(&EnvironmentId::random(), "web", &spec).unwrap_err();
        assert!(error.to_string().contains(SESSION), "{error}");
    }
}
