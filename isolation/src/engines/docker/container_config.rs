//! The configuration of an environment's container: its process and its restrictions.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use engine_api::common::{TmpfsOptions, VolumeOptions};
use engine_api::containers::{CreateContainer, EndpointSettings, HostConfig, LogConfig, Mount, MountType};

use super::disk_limit::DiskLimit;
use super::options::DockerOptions;
use super::owner::{Entry, OwnerLink, SHELLS, Start};
use super::{health, labels, limits, profile, publish};
use crate::command::input::Input;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::spec::main_process::Main;
use crate::spec::mount::MountSource;
use crate::spec::network::NetworkMode;
use crate::spec::{self, EnvironmentSpec};

/// Seconds between the stop signal and the kill, if another program stops the container.
const STOP_TIMEOUT: i64 = 2;

/// The log of a main process: the driver is named, because a daemon may have a default that cannot
/// be read. At most the last 100 MB are kept.
const LOG_DRIVER: (&str, [(&str, &str); 2]) = ("json-file", [("max-size", "20m"), ("max-file", "5")]);

/// The settings of a container that do not come from its specification.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a> {
    pub(super) id: &'a EnvironmentId,
    pub(super) name: &'a str,
    pub(super) prefix: &'a str,
    pub(super) network_prefix: &'a str,
    pub(super) image: &'a str,
    /// How the first process is started.
    pub(super) start: Start,
    /// How the end of the owner ends it.
    pub(super) link: OwnerLink,
    /// The arguments of `env` that undo what a shell does to variables.
    pub(super) adjustments: Vec<String>,
    /// The address of the host on which ports are published by default.
    pub(super) address: IpAddr,
    /// Whether the daemon is Podman.
    pub(super) podman: bool,
    /// Whether the daemon checks the health more often during the start period.
    pub(super) start_interval: bool,
    /// How the disk limit is enforced.
    pub(super) disk: DiskLimit,
    /// The user; empty is that of the image.
    pub(super) user: &'a str,
}

/// The container for an environment.
pub(super) fn container(parts: Parts<'_>, spec: &EnvironmentSpec) -> Result<CreateContainer> {
    let options = DockerOptions::of(spec)?;
    let linked = parts.link.uses_stdin();
    let mut made = CreateContainer {
        name: Some(container_name(parts.prefix, parts.id, spec)),
        image: parts.image.to_owned(),
        platform: options.platform.clone(),
        hostname: options.hostname.clone().unwrap_or_default(),
        user: parts.user.to_owned(),
        working_dir: spec.working_dir.as_deref().map(absolute).unwrap_or_default(),
        labels: labels::of(parts.id, parts.name, spec)?.into(),
        stop_timeout: Some(stop_timeout(spec.stop_grace)),
        host_config: host(&parts, spec, &options)?,
        healthcheck: health::config(spec, parts.podman, parts.start_interval),
        // Attached once: the end of that connection is the end of the input.
        open_stdin: linked || options.stdin_open,
        stdin_once: linked,
        attach_stdin: linked,
        tty: options.tty,
        ..CreateContainer::default()
    };
    if let Some(signal) = options.stop_signal {
        made.stop_signal = format!("SIG{signal}");
    }
    let mut env = spec.env.clone();
    match &spec.main {
        Main::Idle => {
            let entry = Entry::idle(parts.link, parts.start.shell.unwrap_or(SHELLS[0]));
            (made.entrypoint, made.cmd) = (Some(entry.entrypoint.into()), entry.cmd.into());
            // The image may have one that the shell does not handle.
            made.stop_signal = "SIGTERM".to_owned();
        }
        Main::Image => {}
        Main::Arguments(arguments) => made.cmd = arguments.clone().into(),
        Main::Command(command) => {
            let entry = Entry::command(command, parts.link, parts.start, parts.adjustments);
            (made.entrypoint, made.cmd) = (Some(entry.entrypoint.into()), entry.cmd.into());
            if command.terminal.is_some() || command.input != Input::Empty {
                (made.open_stdin, made.stdin_once, made.attach_stdin) = (true, true, true);
            }
            made.tty |= command.terminal.is_some();
            env.extend(
                command
                    .env
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            if let Some(user) = &command.user {
                made.user.clone_from(user);
            }
            if let Some(working_dir) = &command.working_dir {
                made.working_dir = absolute(working_dir);
            }
        }
    }
    let variables = env.iter().map(|(name, value)| format!("{name}={value}"));
    made.env = variables.chain([labels::variable(parts.id)]).collect();
    let has_names = matches!(spec.network.mode, NetworkMode::Private | NetworkMode::Named(_));
    let network = made.host_config.network_mode.clone();
    let aliases = spec.network.aliases_for(&network);
    if has_names && !aliases.is_empty() {
        let endpoint = EndpointSettings {
            aliases: aliases.into_iter().collect(),
            ..EndpointSettings::default()
        };
        made.networking_config.endpoints_config.insert(network, endpoint);
    }
    Ok(publish::publish(&spec.network, parts.address, made))
}

/// The daemon takes whole seconds.
fn stop_timeout(grace: Option<Duration>) -> i64 {
    let Some(grace) = grace else {
        return STOP_TIMEOUT;
    };
    let whole = grace
        .as_secs()
        .saturating_add(u64::from(grace.subsec_nanos() > 0));
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// A name that is valid, unique and, if the environment has a name, readable. It ends with the ID,
/// by which the container is recognised.
pub(super) fn container_name(prefix: &str, id: &EnvironmentId, spec: &EnvironmentSpec) -> String {
    match &spec.name {
        None => format!("{prefix}{id}"),
        Some(name) => format!("{prefix}{}_{id}", labels::readable_part(name)),
    }
}

/// Only the ports of the specification are published.
fn host(parts: &Parts<'_>, spec: &EnvironmentSpec, options: &DockerOptions) -> Result<HostConfig> {
    let hosts = spec.network.hosts.iter();
    let hosts = hosts.map(|(name, address)| format!("{name}:{address}"));
    let mut host = HostConfig {
        mounts: spec.mounts.iter().map(mount).collect::<Result<_>>()?,
        network_mode: match &spec.network.mode {
            NetworkMode::Default => String::new(),
            NetworkMode::None => "none".to_owned(),
            NetworkMode::Private => container_name(parts.network_prefix, parts.id, spec),
            NetworkMode::Named(name) => name.clone(),
            // The blueprint has the container of that one.
            NetworkMode::Environment(other) => format!("container:{other}"),
        },
        extra_hosts: options.extra_hosts.iter().cloned().chain(hosts).collect(),
        dns: spec.network.dns.iter().map(ToString::to_string).collect(),
        dns_search: spec.network.dns_search.iter().cloned().collect(),
        init: if parts.start.init {
            Some(true)
        } else {
            options.init
        },
        ..HostConfig::default()
    };
    if spec.main != Main::Idle || parts.start.names_log {
        let (driver, options) = LOG_DRIVER;
        host.log_config = LogConfig {
            driver: driver.to_owned(),
            config: options.into(),
        };
    }
    profile::write(spec, parts.podman, &mut host);
    limits::write(&spec.limits, &mut host)?;
    if let (DiskLimit::Enforced, Some(disk)) = (parts.disk, spec.limits.disk) {
        host.storage_opt = [("size", disk.to_string())].into();
    }
    Ok(host)
}

/// A number of bytes as the daemon takes it; 0 is its default.
fn whole(what: &str, bytes: Option<u64>) -> Result<i64> {
    i64::try_from(bytes.unwrap_or(0)).map_err(|_| Error::invalid(format!("{what} is too large")))
}

fn mount(mount: &spec::mount::Mount) -> Result<Mount> {
    let (kind, source, size) = match &mount.source {
        MountSource::Host(path) => {
            let source = path.to_str();
            let source = source.ok_or_else(|| Error::invalid(not_utf8(path)))?;
            (MountType::Bind, source, None)
        }
        MountSource::Volume(name) => (MountType::Volume, name.as_str(), None),
        MountSource::Tmpfs { size } => (MountType::Tmpfs, "", Some(whole("the size of a tmpfs", *size)?)),
    };
    Ok(Mount {
        kind,
        source: source.to_owned(),
        target: mount.target.clone(),
        read_only: mount.read_only,
        volume_options: mount.subpath.as_ref().map(|subpath| VolumeOptions {
            subpath: subpath.clone(),
            ..VolumeOptions::default()
        }),
        tmpfs_options: size.map(|size_bytes| TmpfsOptions {
            size_bytes,
            // Otherwise it has the permissions of the directory below it, if the image has one.
            mode: 0o1777,
            ..TmpfsOptions::default()
        }),
        ..Mount::default()
    })
}

fn not_utf8(path: &Path) -> String {
    let path = path.display();
    format!("the source of a mount must be valid UTF-8, unlike {path}")
}

/// A relative working directory starts at the root, as on every engine.
fn absolute(working_dir: &str) -> String {
    match working_dir.starts_with('/') {
        true => working_dir.to_owned(),
        false => format!("/{working_dir}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::limits::ResourceLimits;

    fn made(spec: &EnvironmentSpec) -> CreateContainer {
        let id = "0123456789abcdef".parse().unwrap();
        let parts = Parts {
            id: &id,
            name: "web",
            prefix: "ptest_",
            network_prefix: "net_",
            image: "busybox",
            start: Start::first(OwnerLink::None, None),
            link: OwnerLink::None,
            adjustments: Vec::new(),
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            podman: false,
            start_interval: true,
            disk: DiskLimit::None,
            user: "",
        };
        container(parts, spec).unwrap()
    }

    #[test]
    fn container_is_hardened_by_default() {
        let host = made(&EnvironmentSpec::default()).host_config;
        assert_eq!(host.cap_drop, ["ALL"]);
        for dangerous in ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "MKNOD", "ALL"] {
            assert!(!host.cap_add.iter().any(|cap| cap == dangerous), "{dangerous}");
        }
        assert_eq!(host.security_opt, ["no-new-privileges"]);
        assert!(!host.privileged && host.devices.is_empty() && host.mounts.is_empty());
        assert!(host.port_bindings.is_empty() && !host.publish_all_ports);
        // The daemon would restart it after the end of its owner.
        assert_eq!(host.restart_policy, Default::default());
        for namespace in [
            host.network_mode,
            host.pid_mode,
            host.ipc_mode,
            host.uts_mode,
            host.userns_mode,
        ] {
            assert_eq!(namespace, "", "the host's namespace is not used");
        }
    }

    #[test]
    fn specification_becomes_a_container() {
        let env = [("MODE", "a=b")].into();
        let mounts = vec![
            spec::mount::Mount {
                read_only: true,
                ..spec::mount::Mount::host("/srv", "/data")
            },
            spec::mount::Mount::volume("v", "/v"),
            spec::mount::Mount::tmpfs("/t", Some(1 << 20)),
        ];
        let limits = ResourceLimits {
            memory: Some(1 << 28),
            ..ResourceLimits::default()
        };
        let working_dir = Some("work".to_owned());
        let made = made(&EnvironmentSpec {
            env,
            mounts,
            limits,
            working_dir,
            ..EnvironmentSpec::default()
        });
        assert_eq!(
            made.env.to_vec(),
            ["MODE=a=b", "ISOLATION_ENVIRONMENT=0123456789abcdef"]
        );
        assert_eq!(
            (made.image.as_str(), made.working_dir.as_str()),
            ("busybox", "/work")
        );
        let mount = &made.host_config.mounts[0];
        assert_eq!((mount.source.as_str(), mount.target.as_str()), ("/srv", "/data"));
        assert!(mount.read_only && mount.kind == MountType::Bind);
        assert_eq!(made.host_config.memory_swap, 1 << 28);
        assert_eq!(made.labels[labels::ENVIRONMENT], "0123456789abcdef");
        assert_eq!(made.host_config.mounts[1].kind, MountType::Volume);
        let tmpfs = made.host_config.mounts[2].tmpfs_options.as_ref().unwrap();
        assert_eq!(tmpfs.size_bytes, 1 << 20);
        // The image's own program does not run.
        assert_eq!(made.entrypoint.unwrap(), ["/bin/sh", "-c"]);
    }

    #[test]
    fn main_process_replaces_the_idle_shell() {
        let main = Main::Image;
        let image = made(&EnvironmentSpec {
            main,
            ..EnvironmentSpec::default()
        });
        assert!(image.entrypoint.is_none() && image.cmd.is_empty());
        let arguments = made(&EnvironmentSpec {
            main: Main::Arguments(vec!["-c".into()]),
            ..EnvironmentSpec::default()
        });
        assert!(arguments.entrypoint.is_none());
        assert_eq!(arguments.cmd, ["-c"]);
        let command = crate::Command {
            env: [("B", "command"), ("C", "3")].into(),
            ..crate::Command::new(["httpd", "-f"])
        };
        let made = made(&EnvironmentSpec {
            main: Main::Command(command),
            env: [("A", "1"), ("B", "spec")].into(),
            ..EnvironmentSpec::default()
        });
        assert_eq!(made.entrypoint.unwrap(), ["httpd"]);
        assert_eq!(made.cmd, ["-f"]);
        assert_eq!(made.env.to_vec()[..3], ["A=1", "B=command", "C=3"]);
    }

    #[test]
    fn main_process_has_the_chosen_input_and_end() {
        let engine_options = [(
            "docker".to_owned(),
            serde_json::json!({"tty": true, "stdin_open": true}),
        )];
        let asked = made(&EnvironmentSpec {
            main: Main::Image,
            stop_grace: Some(Duration::from_millis(89_500)),
            engine_options: engine_options.into(),
            ..EnvironmentSpec::default()
        });
        assert!(asked.tty && asked.open_stdin && !asked.stdin_once && !asked.attach_stdin);
        assert_eq!(asked.stop_timeout, Some(90));
        let plain = made(&EnvironmentSpec {
            main: Main::Image,
            ..EnvironmentSpec::default()
        });
        assert!(!plain.tty && !plain.open_stdin);
        assert_eq!(plain.stop_timeout, Some(STOP_TIMEOUT));
    }

    #[test]
    fn any_name_gives_a_valid_container_name() {
        for (name, expected) in [
            (Some("web"), "ptest_web_0123456789abcdef"),
            (Some("größe 7"), "ptest_gr--e-7_0123456789abcdef"),
            (None, "ptest_0123456789abcdef"),
        ] {
            let name = name.map(str::to_owned);
            let made = made(&EnvironmentSpec {
                name,
                ..EnvironmentSpec::default()
            });
            assert_eq!(made.name.unwrap(), expected);
        }
        let name = Some("n".repeat(300));
        let long = made(&EnvironmentSpec {
            name,
            ..EnvironmentSpec::default()
        })
        .name
        .unwrap();
        assert!(long.len() < 70 && long.ends_with("_0123456789abcdef"), "{long}");
    }
}
