//! The labels of environments, by which any process can find them on the daemon.
//!
//! | label | value |
//! |---|---|
//! | [`ENVIRONMENT`] | the ID of the environment; everything with it belongs to the environment |
//! | [`RESOURCE`] | the ID of a network or volume that belongs to no environment |
//! | [`LIFETIME`] | `owner` or `kept`: how long such a network or volume lives |
//! | [`GROUP`] | the group to which a volume belongs |
//! | [`NAME`] | the name of the environment, of the network or of the volume |
//! | [`OWNER`] | the owner, if one was named |
//! | [`SESSION`] | the session, if there is one |
//! | [`SPEC`] | the specification as JSON, without values of variables: labels are listed |
//! | [`BUILD`] | on an image that this crate has built: the digest of what it was built from |
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

use engine_api::containers::{ContainerConfig, ContainerSummary, RunState};
use serde_json::Value;

use super::NAME as ENGINE;
use super::listed_ports;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;

/// The prefix of every key; the labels of a specification must not have it.
pub const PREFIX: &str = "org.isolation.";
/// The ID of the environment.
pub const ENVIRONMENT: &str = "org.isolation.environment";
/// The ID of a network or volume that belongs to no environment.
pub const RESOURCE: &str = "org.isolation.resource";
/// How long a network or volume lives that belongs to no environment: `owner` or `kept`.
pub const LIFETIME: &str = "org.isolation.lifetime";
/// The group to which a volume belongs.
pub const GROUP: &str = "org.isolation.group";
/// The name of the environment, of the network or of the volume.
pub const NAME: &str = "org.isolation.name";
/// The owner of the environment.
pub const OWNER: &str = "org.isolation.owner";
/// The session of the environment.
pub const SESSION: &str = "org.isolation.session";
/// The specification of the environment, without the values of variables.
pub const SPEC: &str = "org.isolation.spec";
/// On an image that this crate has built: the digest of everything from which it was built.
pub const BUILD: &str = "org.isolation.build";
/// The values of [`LIFETIME`].
const OWNED: &str = "owner";
const KEPT: &str = "kept";
/// The version of this crate that created it.
pub const VERSION: &str = "org.isolation.engine-crate-version";

/// Whether the label has a value of ours without content of the user.
pub(super) fn is_harmless(key: &str) -> bool {
    [ENVIRONMENT, NAME, OWNER, SESSION, VERSION].contains(&key)
}

/// Rejects labels that have a meaning here.
fn check_reserved(labels: &BTreeMap<String, String>) -> Result<()> {
    match labels.keys().find(|key| key.starts_with(PREFIX)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(format!(
            "the label {:?} is reserved; use a key that does not start with {PREFIX}",
            short(key)
        ))),
    }
}

/// The labels of a network or volume that belongs to no environment.
pub(super) fn of_resource(
    id: &EnvironmentId,
    name: &str,
    lifetime: Lifetime,
    labels: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    check_reserved(labels)?;
    let lifetime = match lifetime {
        Lifetime::Kept => KEPT,
        _ => OWNED,
    };
    let ours = [
        (RESOURCE, id.as_str()),
        (NAME, name),
        (LIFETIME, lifetime),
        (VERSION, env!("CARGO_PKG_VERSION")),
    ];
    let ours = ours.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(labels.clone().into_iter().chain(ours).collect())
}

/// Whether the labels are those of an environment, network or volume with this ID.
pub(super) fn belongs_to(labels: &BTreeMap<String, String>, id: &str) -> bool {
    let has = |key| labels.get(key).is_some_and(|value| value == id);
    has(ENVIRONMENT) || has(RESOURCE)
}

/// The labels without those that have a meaning here.
pub(super) fn of_user(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = labels.iter().filter(|(key, _)| !key.starts_with(PREFIX));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether a network or volume is kept that belongs to no environment.
pub(super) fn lifetime(labels: &BTreeMap<String, String>) -> Lifetime {
    match labels.get(LIFETIME).map(String::as_str) {
        Some(KEPT) => Lifetime::Kept,
        _ => Lifetime::Owner,
    }
}

/// The labels of everything that is created for an environment.
pub(super) fn of(id: &EnvironmentId, name: &str, spec: &EnvironmentSpec) -> Result<BTreeMap<String, String>> {
    check_reserved(&spec.labels)?;
    let text = spec_text(spec)?;
    let ours = [
        (ENVIRONMENT, Some(id.as_str())),
        (NAME, Some(name)),
        (OWNER, spec.owner.as_deref()),
        (SESSION, spec.session.as_deref()),
        (SPEC, Some(&text)),
        (VERSION, Some(env!("CARGO_PKG_VERSION"))),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    Ok(spec.labels.clone().into_iter().chain(ours).collect())
}

/// The maps of variables in a specification.
const VARIABLES: [&str; 4] = ["/env", "/build/args", "/main/command/env", "/health/check/env"];

/// The specification as JSON, with empty texts as values of variables: their values are in the
/// container's configuration, which is not listed.
fn spec_text(spec: &EnvironmentSpec) -> Result<String> {
    let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
    let mut value = serde_json::to_value(spec).map_err(corrupt)?;
    for place in VARIABLES {
        if let Some(Value::Object(variables)) = value.pointer_mut(place) {
            variables.values_mut().for_each(|value| *value = "".into());
        }
    }
    Ok(value.to_string())
}

/// The name and the specification of the environment of a container.
pub(super) fn read_spec(config: &ContainerConfig) -> Result<(String, EnvironmentSpec)> {
    let name = config.labels.get(NAME).cloned().unwrap_or_default();
    let Some(text) = config.labels.get(SPEC) else {
        let why = format!("the container has no label {SPEC}: an older version of this crate created it");
        return Err(Error::new(ErrorKind::Corrupt, why));
    };
    let mut spec = EnvironmentSpec::from_json(text).map_err(|error| {
        let why = format!("the label {SPEC} of the container is damaged: {error}");
        Error::new(ErrorKind::Corrupt, why)
    })?;
    let mut of_command = match &mut spec.main {
        Main::Command(command) => Some(&mut command.env),
        _ => None,
    };
    for entry in config.env.iter() {
        let Some((name, value)) = entry.split_once('=') else {
            continue;
        };
        for variables in [Some(&mut spec.env), of_command.as_deref_mut()]
            .into_iter()
            .flatten()
        {
            if let Some(known) = variables.get_mut(name) {
                value.clone_into(known);
            }
        }
    }
    Ok((name, spec))
}

/// The environment variable with the ID of the environment, as on every engine.
pub(super) fn variable(id: &EnvironmentId) -> String {
    format!("ISOLATION_ENVIRONMENT={id}")
}

/// Whether a container has the name of an environment, unlike one of an image with our labels.
pub(super) fn names(container: &str, id: &EnvironmentId) -> bool {
    container.ends_with(id.as_str())
}

/// The environment in the labels of a container; `None` without one. Whether the container belongs
/// to it, its name shows, or its image.
pub(super) fn read(container: &ContainerSummary, prefix: &str) -> Option<EnvironmentSummary> {
    let label = |key: &str| container.labels.get(key).cloned();
    let id: EnvironmentId = label(ENVIRONMENT)?.parse().ok()?;
    let name = label(NAME).unwrap_or_default();
    let status = status(&container.state);
    Some(EnvironmentSummary {
        name: current_name(container.plain_name(), prefix, &id, name),
        id,
        engine: ENGINE.to_owned(),
        status,
        image: Some(container.image.clone()),
        owner: label(OWNER),
        session: label(SESSION),
        created: u64::try_from(container.created).ok(),
        exit_code: exit_code(&container.status),
        ports: listed_ports::of(container, status),
        network_of: label(SPEC).as_deref().and_then(network_of),
    })
}

/// The environment whose network one has, by its specification as JSON.
fn network_of(spec: &str) -> Option<EnvironmentId> {
    const OTHER: &str = "environment";
    // Most specifications need not be read.
    let value: Value = spec.contains(OTHER).then(|| serde_json::from_str(spec).ok())??;
    value["network"]["mode"][OTHER].as_str()?.parse().ok()
}

/// The exit code in the text of a list: `Exited (3) 2 hours ago`.
fn exit_code(status: &str) -> Option<i32> {
    let rest = status.strip_prefix("Exited (")?;
    rest.split(')').next()?.parse().ok()
}

/// The name of the environment now, by the name of its container. The name at its creation is in a
/// label, and labels cannot change.
pub(super) fn current_name(container: &str, prefix: &str, id: &EnvironmentId, created: String) -> String {
    let part = container
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(id.as_str())?.strip_suffix('_'));
    match part {
        Some(part) if part != readable_part(&created) && !part.is_empty() => part.to_owned(),
        _ => created,
    }
}

/// The longest part of a container's name that comes from the name of the environment.
const LONGEST_PART: usize = 40;

/// The part of a container's name that comes from the name of the environment at its creation.
pub(super) fn readable_part(name: &str) -> String {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let replaced = name.chars().map(|c| if valid(c) { c } else { '-' });
    replaced.take(LONGEST_PART).collect()
}

/// The status of the environment, from the state of its container. Podman has states of its own:
/// before its first start, and between the end of a container and its cleanup.
pub(super) fn status(state: &RunState) -> Status {
    match state {
        RunState::Created => Status::Created,
        RunState::Running | RunState::Restarting | RunState::Stopping => Status::Running,
        RunState::Paused => Status::Paused,
        RunState::Removing => Status::Destroying,
        RunState::Exited => Status::Stopped,
        RunState::Other(state) if state == "stopped" => Status::Stopped,
        RunState::Other(state) if state == "configured" || state == "initialized" => Status::Created,
        _ => Status::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::spec::network::NetworkMode;

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
        assert!(read(&container, "ptest_").is_none(), "a container without labels");
        container.labels = labels;
        container.state = RunState::Running;
        assert!(
            !names(container.plain_name(), &id),
            "a container of an image made from ours"
        );
        container.names = vec![format!("/ptest_web_{id}")];
        let summary = read(&container, "ptest_").unwrap();
        assert!(names(container.plain_name(), &id));
        assert_eq!((summary.id, summary.name.as_str()), (id, "web"));
        assert_eq!((summary.session.as_deref(), summary.owner), (Some("s1"), None));
        assert_eq!(summary.status, Status::Running);
    }

    #[test]
    fn name_is_that_of_the_container_after_a_rename() {
        let id = "0123456789abcdef".parse().unwrap();
        let long = "n".repeat(50);
        for (container, created, expected) in [
            ("ptest_0123456789abcdef", "docker-0123", "docker-0123"),
            ("ptest_gr--e_0123456789abcdef", "größe", "größe"),
            (&format!("ptest_{}_0123456789abcdef", &long[..40]), &long, &long),
            ("ptest_api_0123456789abcdef", "docker-0123", "api"),
            ("ptest_a_b__0123456789abcdef", "größe", "a_b_"),
            ("other_api_0123456789abcdef", "web", "web"),
        ] {
            assert_eq!(
                current_name(container, "ptest_", &id, created.to_owned()),
                expected
            );
        }
    }

    #[test]
    fn specification_round_trips_without_values_in_labels() {
        let main = Main::Command(Command {
            env: [("TOKEN", "hunter2")].into(),
            ..Command::new(["httpd"])
        });
        let env = [("PASSWORD", "hunter2"), ("MODE", "x=y")].into();
        let spec = EnvironmentSpec { env, main, ..spec() };
        let labels = of(&EnvironmentId::random(), "web", &spec).unwrap();
        assert!(
            !labels.values().any(|value| value.contains("hunter2")),
            "{labels:?}"
        );
        let variables = ["PATH=/bin", "PASSWORD=hunter2", "MODE=x=y", "TOKEN=hunter2"];
        let mut config = ContainerConfig {
            env: variables.into_iter().collect(),
            labels: labels.into(),
            ..ContainerConfig::default()
        };
        assert_eq!(read_spec(&config).unwrap(), ("web".to_owned(), spec));
        config.labels.insert(SPEC.into(), "{".into());
        assert_eq!(read_spec(&config).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn states_of_podman_are_known() {
        let status = |state: &str| status(&RunState::Other(state.to_owned()));
        assert_eq!(status("stopped"), Status::Stopped);
        assert_eq!(status("initialized"), Status::Created);
        assert_eq!(status("unknown"), Status::Failed);
    }

    #[test]
    fn reserved_label_is_rejected() {
        let labels = [(SESSION.to_owned(), "another's".to_owned())].into();
        let spec = EnvironmentSpec { labels, ..spec() };
        let error = of(&EnvironmentId::random(), "web", &spec).unwrap_err();
        assert!(error.to_string().contains(SESSION), "{error}");
    }

    #[test]
    fn environment_whose_network_one_has_is_listed() {
        let (id, other) = (EnvironmentId::random(), EnvironmentId::random());
        let mut container = ContainerSummary::default();
        let mut network_of = |spec: &EnvironmentSpec| {
            container.labels = of(&id, "web", spec).unwrap();
            read(&container, "ptest_").unwrap().network_of
        };
        let mut one = spec();
        assert_eq!(network_of(&one), None);
        one.name = Some("environment".to_owned());
        assert_eq!(network_of(&one), None);
        one.network.mode = NetworkMode::Environment(other.to_string());
        assert_eq!(network_of(&one), Some(other));
        assert_eq!(super::network_of("no environment"), None);
    }
}
