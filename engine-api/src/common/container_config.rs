//! The portable part of a container's configuration, which an image can have, too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EnvList, HealthConfig, Port, StringList, StringMap};

/// The settings of a container: command, environment variables, user, ports. Definition
/// `ContainerConfig`.
///
/// Part of [`Container`](crate::containers::Container), and of what a commit may change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerConfig {
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
    /// Image, by the name in the request that created the container.
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
    /// [`EndpointSettings::mac_address`](crate::containers::EndpointSettings::mac_address).
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn an_empty_entry_point_is_sent() {
        let none = ContainerConfig {
            entrypoint: Some(StringList::default()),
            exposed_ports: BTreeSet::from(["80/tcp".into()]),
            ..Default::default()
        };
        let text = encode(&none).unwrap();
        assert_eq!(text, br#"{"ExposedPorts":{"80/tcp":{}},"Entrypoint":[]}"#);
        assert_eq!(decode::<ContainerConfig>(&text).unwrap(), none);
    }
}
