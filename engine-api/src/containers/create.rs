//! Making a container.

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
    /// Makes a container; it does not run yet.
    ///
    /// Published ports ([`HostConfig::port_bindings`](super::HostConfig::port_bindings)) are exposed, too, for
    /// Docker publishes no other, and does not say so.
    ///
    /// # Errors
    ///
    /// 404 when the image is not there ([`crate::Error::is_not_found`]): pull it, then create again.
    /// 409 when the name is taken.
    pub async fn create(&self, mut container: CreateContainer) -> Result<ContainerCreated> {
        container.expose_published();
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

/// A container to make: the fields of [`ContainerConfig`], and where and how it runs.
///
/// Only `image` is needed.
///
/// ```
/// # use engine_api::containers::{CreateContainer, HostConfig};
/// let web = CreateContainer {
///     name: Some("web".into()),
///     image: "nginx:alpine".into(),
///     env: ["MODE=test"].into(),
///     host_config: HostConfig { auto_remove: true, ..Default::default() },
///     ..Default::default()
/// };
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateContainer {
    /// The container's name; `None` lets the engine choose one.
    #[serde(skip)]
    pub name: Option<String>,
    /// Which of an image's platforms to take, as `os[/arch[/variant]]`; `None` is the host's.
    #[serde(skip)]
    pub platform: Option<String>,
    /// The host name inside the container.
    pub hostname: String,
    /// The domain name inside the container.
    pub domainname: String,
    /// The user to run as: `user`, `user:group`, or numbers; empty is the image's.
    pub user: String,
    /// Whether the container's start attaches to its input.
    pub attach_stdin: bool,
    /// Whether the container's start attaches to its output.
    pub attach_stdout: bool,
    /// Whether the container's start attaches to its error output.
    pub attach_stderr: bool,
    /// The ports the program listens on, as `80/tcp`; exposing publishes nothing.
    #[serde(with = "crate::wire::json::set")]
    pub exposed_ports: BTreeSet<Port>,
    /// Whether the process gets a terminal; its output is then one stream, without frames.
    pub tty: bool,
    /// Whether the process's input is kept open, so that an attached client can write to it.
    pub open_stdin: bool,
    /// Whether the input closes when the first attached client leaves.
    pub stdin_once: bool,
    /// The environment, `NAME=value` each; `NAME` alone removes a variable of the image.
    pub env: EnvList,
    /// The command, or the arguments of the entry point; empty is the image's.
    pub cmd: StringList,
    /// The health check; `None` is the image's.
    pub healthcheck: Option<HealthConfig>,
    /// Whether the command is one escaped command line (Windows).
    pub args_escaped: bool,
    /// The image, as it was named when the container was made.
    pub image: String,
    /// Folders in the container that each get an anonymous volume.
    #[serde(with = "crate::wire::json::set")]
    pub volumes: BTreeSet<String>,
    /// The folder the command starts in.
    pub working_dir: String,
    /// The entry point; `None` is the image's, `Some` of an empty list is none at all.
    pub entrypoint: Option<StringList>,
    /// Whether the container has no network at all.
    pub network_disabled: bool,
    /// The container's one hardware address. Until API 1.51; from 1.44 on see
    /// [`EndpointSettings::mac_address`](super::EndpointSettings::mac_address).
    pub mac_address: String,
    /// Build instructions that run when the image is built upon.
    pub on_build: StringList,
    /// Labels.
    pub labels: StringMap,
    /// The signal that asks the process to stop, by name or number; empty is `SIGTERM`.
    pub stop_signal: String,
    /// Seconds between that signal and a kill; `None` is the engine's default, -1 waits for ever.
    pub stop_timeout: Option<i64>,
    /// The shell for commands that were given as one text.
    pub shell: StringList,
    /// How the container sits on its host.
    pub host_config: HostConfig,
    /// Which networks it joins, and how.
    pub networking_config: NetworkingConfig,
}

impl CreateContainer {
    /// Exposes each port that is published, as the docker command does.
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

/// A container was made. Definition `ContainerCreateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerCreated {
    /// The container's id.
    #[serde(alias = "ID")]
    pub id: String,
    /// What the engine has to remark.
    pub warnings: Vec<String>,
}

impl CreateContainer {
    fn check(&self) -> Option<String> {
        if self.image.trim().is_empty() {
            return Some("the container has no image; set `image`".into());
        }
        self.name.as_deref().and_then(check_name)
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

/// What is wrong with the name of a new container: engines want `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(super) fn check_name(name: &str) -> Option<String> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let starts_well = bare.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if bare.len() >= 2 && starts_well && bare.chars().all(legal) {
        return None;
    }
    Some(format!(
        "{name:?} cannot be the name of a container; use two or more of a-z, A-Z, 0-9, `_`, `.`, `-`, \
         the first a letter or digit"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::common::{Mount, MountType};
    use crate::wire::json::encode;

    #[test]
    fn name_and_platform_are_parameters_and_the_body_is_flat() {
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
    fn what_is_published_is_exposed() {
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
    fn names_are_judged_as_engines_do() {
        for good in ["ab", "a.b-c_d", "/web", "0x"] {
            assert_eq!(check_name(good), None, "{good}");
        }
        for bad in ["", "a", "-ab", "a b", "ä1", "/", "a/b", "../x"] {
            assert!(check_name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn each_newer_field_is_noticed() {
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
