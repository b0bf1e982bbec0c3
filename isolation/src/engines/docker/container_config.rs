//! The configuration of an environment's container: its process and its restrictions.

use std::path::Path;

use engine_api::common::EnvList;
use engine_api::containers::{CreateContainer, HostConfig, Mount, MountType};

use super::{labels, limits};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::spec::{self, EnvironmentSpec};

/// The environment variable with the ID of the environment, as on every engine.
const MARK: &str = "ISOLATION_ENVIRONMENT";

/// The first process. It keeps the container running and does nothing.
///
/// The shell waits for its children, and so reaps orphaned processes: no init process is needed,
/// which some daemons do not have. As process 1 it would ignore signals without a `trap`. In an
/// image without `sleep` it ends instead of using the CPU.
const KEEP: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $! || exit 1; done";

/// Seconds between the stop signal and the kill.
const STOP_TIMEOUT: i64 = 2;

/// The kernel capabilities that a container keeps; all others are dropped.
///
/// Package managers need them. They set owners and modes of files (`CHOWN`, `DAC_OVERRIDE`,
/// `FOWNER`, `FSETID`) and capabilities of files (`SETFCAP`, without which rpm refuses such a
/// package). apt and dpkg change to other users (`SETGID`, `SETUID`) and signal them (`KILL`). With
/// `no-new-privileges`, a process cannot gain more.
const CAPABILITIES: [&str; 8] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETFCAP",
    "SETGID",
    "SETUID",
];

/// The container for an environment.
pub(super) fn container(
    id: &EnvironmentId,
    name: &str,
    container: String,
    image: &str,
    spec: &EnvironmentSpec,
) -> Result<CreateContainer> {
    let variables = spec.env.iter().map(|(name, value)| format!("{name}={value}"));
    let env: EnvList = variables.chain([format!("{MARK}={id}")]).collect();
    Ok(CreateContainer {
        name: Some(container),
        image: image.to_owned(),
        entrypoint: Some(["sh", "-c"].into()),
        cmd: [KEEP].into(),
        env,
        working_dir: spec.working_dir.as_deref().map(absolute).unwrap_or_default(),
        labels: labels::of(id, name, spec)?.into(),
        stop_timeout: Some(STOP_TIMEOUT),
        host_config: host(spec)?,
        ..CreateContainer::default()
    })
}

/// The standard profile: see [`CAPABILITIES`]. The daemon's default seccomp filter and masked paths
/// stay. No port is published, so the container cannot be reached from outside the machine.
fn host(spec: &EnvironmentSpec) -> Result<HostConfig> {
    let mut host = HostConfig {
        mounts: spec.mounts.iter().map(mount).collect::<Result<_>>()?,
        cap_drop: ["ALL"].into(),
        cap_add: CAPABILITIES.into(),
        security_opt: ["no-new-privileges"].into(),
        ..HostConfig::default()
    };
    limits::write(&spec.limits, &mut host)?;
    Ok(host)
}

fn mount(mount: &spec::mount::Mount) -> Result<Mount> {
    let source = mount.source.to_str();
    let source = source.ok_or_else(|| Error::invalid(not_utf8(&mount.source)))?;
    Ok(Mount {
        kind: MountType::Bind,
        source: source.to_owned(),
        target: mount.target.clone(),
        read_only: mount.read_only,
        ..Mount::default()
    })
}

fn not_utf8(path: &Path) -> String {
    format!(
        "the source of a mount must be valid UTF-8, unlike {}",
        path.display()
    )
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
    use crate::spec::ResourceLimits;

    fn made(spec: &EnvironmentSpec) -> CreateContainer {
        let id = "0123456789abcdef".parse().unwrap();
        container(&id, "web", "ptest_web".into(), "busybox", spec).unwrap()
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
        let env = [("MODE".to_owned(), "a=b".to_owned())].into();
        let mounts = vec![spec::mount::Mount {
            source: "/srv".into(),
            target: "/data".into(),
            read_only: true,
        }];
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
        // The image's own program never runs.
        assert_eq!(made.entrypoint.unwrap(), ["sh", "-c"]);
    }
}
