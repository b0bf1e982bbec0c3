//! What runs in a container: the part of its configuration that an image can carry too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EnvList, HealthConfig, Port, StringList, StringMap};

/// What a container runs: command, environment, user, ports. Definition `ContainerConfig`.
///
/// Part of what [`Container`](super::Container) shows, and what a commit may change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerConfig {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn an_empty_entry_point_is_not_the_images() {
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
