//! Creating a container.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Containers, HostConfig, NetworkingConfig};
use crate::Version;
use crate::common::{ContainerConfig, EnvList, HealthConfig, Port, StringList, StringMap};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::requirement::Requirement;

pub(super) static CREATE: Operation<Json<ContainerCreated>> =
    Operation::post("ContainerCreate", "/containers/create").success(&[201]);

impl Containers<'_> {
    /// Creates a container without starting it.
    ///
    /// Published ports ([`HostConfig::port_bindings`]) are exposed, too, because Docker silently
    /// ignores published ports that are not exposed.
    ///
    /// # Errors
    ///
    /// 404 when the engine does not have the image ([`crate::Error::is_not_found`]): pull it, then
    /// create again. 409 when the name is in use.
    pub async fn create(&self, mut container: CreateContainer) -> Result<ContainerCreated> {
        container.expose_published();
        container.strip_brackets();
        self.docker
            .call(&CREATE)
            .query(container.query())
            .json(&container)
            .reject_if(container.check())
            .requires(container.requires())
            .send()
            .await
    }
}

/// A container to create: the fields of [`ContainerConfig`], its host configuration and its
/// networks. Body of `ContainerCreate`.
///
/// Only `image` is required. The fields of the configuration are repeated here, so that a container
/// needs no nested literal.
///
/// ```
/// # use engine_api::containers::{CreateContainer, HostConfig};
/// let web = CreateContainer {
///     name: Some("web".into()),
///     image: "nginx:alpine".into(),
///     env: [("MODE", "test")].into(),
///     labels: [("app", "web")].into(),
///     host_config: HostConfig { auto_remove: true, ..Default::default() },
///     ..Default::default()
/// }
/// .publish(80, 8080);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateContainer {
    /// Name of the container; `None` lets the engine choose one.
    #[serde(skip)]
    pub name: Option<String>,
    /// Platform of a multi-platform image, as `os[/arch[/variant]]`; `None` is the host's.
    #[serde(skip)]
    pub platform: Option<String>,
    /// Host name inside the container.
    pub hostname: String,
    /// Domain name inside the container.
    pub domainname: String,
    /// User to run as: `user`, `user:group` or numeric IDs; empty is the image's.
    pub user: String,
    /// Whether standard input is attached.
    pub attach_stdin: bool,
    /// Whether standard output is attached.
    pub attach_stdout: bool,
    /// Whether standard error is attached.
    pub attach_stderr: bool,
    /// Ports that the program listens on; exposing a port does not publish it.
    #[serde(with = "crate::wire::json::set")]
    pub exposed_ports: BTreeSet<Port>,
    /// Whether the process gets a terminal; its output is then a single stream.
    pub tty: bool,
    /// Whether standard input stays open, so that an attached client can write to it.
    pub open_stdin: bool,
    /// Whether standard input closes when the first attached client detaches.
    pub stdin_once: bool,
    /// Environment variables, `NAME=value` each; `NAME` alone removes a variable of the image.
    pub env: EnvList,
    /// Command, or the arguments of the entry point; empty is the image's.
    pub cmd: StringList,
    /// Health check; `None` is the image's.
    pub healthcheck: Option<HealthConfig>,
    /// Whether the command is a single escaped command line (Windows).
    pub args_escaped: bool,
    /// Image: a name or an ID.
    pub image: String,
    /// Directories in the container that each get an anonymous volume.
    #[serde(with = "crate::wire::json::set")]
    pub volumes: BTreeSet<String>,
    /// Working directory of the command.
    pub working_dir: String,
    /// Entry point; `None` is the image's, an empty list removes the image's.
    pub entrypoint: Option<StringList>,
    /// Whether networking is disabled.
    pub network_disabled: bool,
    /// MAC address. Until API 1.51; since 1.44 see
    /// [`EndpointSettings::mac_address`](super::EndpointSettings::mac_address).
    pub mac_address: String,
    /// Build instructions (`ONBUILD`) for images that are built from this one.
    pub on_build: StringList,
    /// Labels.
    pub labels: StringMap,
    /// Signal that stops the process, by name or number; empty is `SIGTERM`.
    pub stop_signal: String,
    /// Seconds between that signal and a kill; `None` is the engine's default, -1 means no timeout.
    pub stop_timeout: Option<i64>,
    /// Shell for commands that are given as a single string.
    pub shell: StringList,
    /// Host configuration: mounts, ports, limits, rights.
    pub host_config: HostConfig,
    /// Networks that the container joins.
    pub networking_config: NetworkingConfig,
}

impl CreateContainer {
    /// Exposes each published port, as the docker command does.
    pub(super) fn expose_published(&mut self) {
        let published = self.host_config.port_bindings.keys().cloned();
        self.exposed_ports.extend(published);
    }

    pub(crate) fn query(&self) -> Query {
        Query::new()
            .text("name", self.name.as_deref().unwrap_or_default())
            .text("platform", self.platform.as_deref().unwrap_or_default())
    }
}

impl From<ContainerConfig> for CreateContainer {
    fn from(config: ContainerConfig) -> Self {
        Self {
            hostname: config.hostname,
            domainname: config.domainname,
            user: config.user,
            attach_stdin: config.attach_stdin,
            attach_stdout: config.attach_stdout,
            attach_stderr: config.attach_stderr,
            exposed_ports: config.exposed_ports,
            tty: config.tty,
            open_stdin: config.open_stdin,
            stdin_once: config.stdin_once,
            env: config.env,
            cmd: config.cmd,
            healthcheck: config.healthcheck,
            args_escaped: config.args_escaped,
            image: config.image,
            volumes: config.volumes,
            working_dir: config.working_dir,
            entrypoint: config.entrypoint,
            network_disabled: config.network_disabled,
            mac_address: config.mac_address,
            on_build: config.on_build,
            labels: config.labels,
            stop_signal: config.stop_signal,
            stop_timeout: config.stop_timeout,
            shell: config.shell,
            ..Self::default()
        }
    }
}

/// The container that was created. Definition `ContainerCreateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerCreated {
    /// ID of the container.
    #[serde(alias = "ID")]
    pub id: String,
    /// Warnings of the engine.
    pub warnings: Vec<String>,
}

impl CreateContainer {
    fn check(&self) -> Option<String> {
        if self.image.trim().is_empty() {
            return Some("the container has no image; set `image`".into());
        }
        let name = self.name.as_deref().and_then(check_name);
        name.or_else(|| self.check_values())
    }

    fn requires(&self) -> impl Iterator<Item = Requirement> {
        let own = Requirement::until(
            !self.mac_address.is_empty(),
            "CreateContainer::mac_address",
            Version::new(1, 51),
        );
        let check = self.healthcheck.iter().flat_map(HealthConfig::requires);
        check
            .chain(self.networking_config.requires())
            .chain(self.host_config.requires())
            .chain(own)
    }
}

/// Reports an invalid name for a container: engines accept `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(super) fn check_name(name: &str) -> Option<String> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let valid_start = bare.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if bare.len() >= 2 && valid_start && bare.chars().all(legal) {
        return None;
    }
    Some(format!(
        "{name:?} is not a valid container name; use at least two of a-z, A-Z, 0-9, `_`, `.`, `-`, \
         starting with a letter or digit"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::common::{Mount, MountType};
    use crate::wire::json::encode;

    #[test]
    fn create_sends_name_and_platform_as_parameters() {
        let config = ContainerConfig {
            image: "busybox".into(),
            ..Default::default()
        };
        let create = CreateContainer {
            name: Some("web".into()),
            platform: Some("linux/arm64".into()),
            host_config: HostConfig {
                init: Some(false),
                ..Default::default()
            },
            networking_config: NetworkingConfig {
                endpoints_config: BTreeMap::from([("net".to_owned(), Default::default())]),
            },
            ..config.into()
        };
        assert_eq!(create.query().as_str(), "name=web&platform=linux%2Farm64");
        assert_eq!(
            String::from_utf8(encode(&create).unwrap()).unwrap(),
            concat!(
                r#"{"Image":"busybox","HostConfig":{"Init":false},"#,
                r#""NetworkingConfig":{"EndpointsConfig":{"net":{}}}}"#
            )
        );
        assert_eq!(encode(&CreateContainer::default()).unwrap(), b"{}");
    }

    #[test]
    fn published_ports_are_exposed() {
        let mut create = CreateContainer {
            exposed_ports: [82.into()].into(),
            ..Default::default()
        };
        create
            .host_config
            .port_bindings
            .insert("80/tcp".into(), Vec::new());
        create.expose_published();
        let exposed: Vec<&str> = create.exposed_ports.iter().map(Port::as_str).collect();
        assert_eq!(exposed, ["80/tcp", "82/tcp"]);
    }

    #[test]
    fn container_names_are_checked_as_engines_do() {
        for valid in ["ab", "a.b-c_d", "/web", "0x"] {
            assert_eq!(check_name(valid), None, "{valid}");
        }
        for invalid in ["", "a", "-ab", "a b", "ä1", "/", "a/b", "../x"] {
            assert!(check_name(invalid).is_some(), "{invalid}");
        }
    }

    #[test]
    fn create_requires_the_version_of_its_fields() {
        assert_eq!(CreateContainer::default().requires().count(), 0);
        let mount = Mount {
            kind: MountType::Image,
            ..Default::default()
        };
        let host_config = HostConfig {
            mounts: vec![mount],
            ..Default::default()
        };
        let container = CreateContainer {
            host_config,
            ..Default::default()
        };
        let expected = Requirement::since(true, "MountType::Image", Version::new(1, 48));
        assert!(container.requires().eq(expected));
    }
}
