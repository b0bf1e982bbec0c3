//! The Docker daemon's product and version, and the limits that its machine can enforce.

use std::path::Path;
use std::sync::Arc;

use engine_api::Docker;
use engine_api::system::{Info, Ping};
use tokio::sync::OnceCell;

use super::platform::{self, Platform};
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::values::{CapabilityValues, MetricsKind};
use crate::spec::network::OF_ENVIRONMENT;

/// The daemon's description of itself, once it was read.
pub(super) type KnownDaemon = Arc<OnceCell<DaemonInfo>>;

/// Why a daemon of Windows containers cannot be used.
pub(super) const WINDOWS: &str = "it runs Windows containers";

/// The daemon's description of itself.
#[derive(Debug, Clone)]
pub(super) struct DaemonInfo {
    /// Its product and version, the API version in use, its address.
    pub(super) detail: String,
    /// Its platform; not complete if it does not report it.
    pub(super) platform: Platform,
    /// Podman lists processes without control groups, too.
    podman: bool,
    info: Info,
}

impl DaemonInfo {
    /// Reads the description from the daemon, with one request if the API version is known.
    pub(super) async fn read(docker: &Docker) -> engine_api::Result<Self> {
        let info = docker.system().info().await?;
        let podman = match docker.is_podman() {
            Some(podman) => podman,
            None => answers(docker).await?.podman,
        };
        let product = if podman { "Podman" } else { "Docker" };
        let platform = Platform::new(&info.os_type, &info.architecture, "");
        let number = match info.server_version.as_str() {
            "" => "of unknown version",
            number => number,
        };
        let (negotiated, address) = (docker.version().await?, docker.address());
        let detail = format!("{product} {number}, API {negotiated}, at {address}");
        Ok(Self {
            detail,
            platform,
            podman,
            info,
        })
    }

    /// Why the daemon cannot be used at all, although it answers.
    pub(super) fn unusable(&self) -> Option<String> {
        (self.info.os_type == "windows").then(|| WINDOWS.to_owned())
    }

    /// Whether it runs without root, in the control groups that its user has.
    pub(super) fn is_rootless(&self) -> bool {
        self.info.is_rootless()
    }

    /// Whether it has a program that reaps processes and passes on signals as process 1.
    pub(super) fn has_init(&self) -> bool {
        !self.info.init_binary.is_empty()
    }

    /// The number of its CPUs, if it reports one.
    pub(super) fn cpus(&self) -> Option<usize> {
        usize::try_from(self.info.n_cpu).ok().filter(|cpus| *cpus > 0)
    }

    /// Why its storage cannot limit the size of a container; `None` if only an attempt can show it.
    pub(super) fn has_no_quota(&self) -> Option<String> {
        let info = &self.info;
        let status = |name: &str| {
            let found = info.driver_status.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        if status("driver-type").is_some_and(|kind| kind.contains("snapshotter")) {
            return Some(format!("the snapshotter {} ignores the size", info.driver));
        }
        match (info.driver.as_str(), status("Backing Filesystem")) {
            ("overlay2" | "overlay" | "fuse-overlayfs", Some(system)) if system != "xfs" => Some(format!(
                "the storage driver {} has quotas only on xfs, not on {system}",
                info.driver
            )),
            _ => None,
        }
    }

    /// The features that it supports on its machine.
    pub(super) fn capabilities(&self) -> Capabilities {
        let info = &self.info;
        // Without control groups, a daemon accepts limits and drops them.
        let grouped = info.has_control_groups();
        let quota = info.cpu_cfs_quota && info.cpu_cfs_period;
        let hint = if self.is_rootless() {
            ", because it runs without root"
        } else {
            ""
        };
        let capabilities = [
            (Feature::MemoryLimit, info.memory_limit, "memory"),
            (Feature::CpuLimit, quota, "CPU time"),
            (Feature::PidsLimit, info.pids_limit, "processes"),
            (Feature::SwapLimit, info.swap_limit, "swap"),
            (Feature::CpuSet, info.cpu_set, "the CPUs of an environment"),
        ]
        .into_iter()
        .filter(|(_, able, _)| !(*able && grouped))
        .fold(everything(), |capabilities, (feature, _, what)| {
            capabilities.without(feature, format!("this daemon cannot limit {what}{hint}"))
        })
        .with_values(CapabilityValues {
            memory: u64::try_from(info.mem_total).ok().filter(|bytes| *bytes > 0),
            cpus: u64::try_from(info.n_cpu).ok().filter(|cpus| *cpus > 0),
            metrics: values().metrics.filter(|_| grouped),
            ..values()
        });
        // The usage that such a daemon reports is that of the whole machine.
        let groups = format!("this daemon has no control groups{hint}");
        OF_GROUPS
            .into_iter()
            .filter(|_| !grouped)
            .filter(|feature| *feature != Feature::Processes || !self.podman)
            .fold(capabilities, |rest, feature| rest.without(feature, &groups))
    }
}

/// How many command shells of a container are kept open: about one for each processor.
pub(super) fn shells_for(cpus: Option<usize>) -> usize {
    cpus.unwrap_or(0).clamp(4, 16)
}

/// Whether the daemon enforces every limit that it accepts without a warning.
///
/// Only a daemon without root may have no control groups, and drops limits silently. So this is
/// true for Docker behind a socket of root.
pub(super) fn drops_nothing_silently(docker: &Docker) -> bool {
    docker.is_podman() == Some(false) && has_root(docker)
}

/// Whether the daemon has a socket of root. A recording has the requests of such a daemon.
pub(super) fn has_root(docker: &Docker) -> bool {
    let address = docker.address();
    match address.strip_prefix("unix://") {
        Some(socket) => is_of_root(Path::new(socket)),
        None => platform::is_replay(&address),
    }
}

/// Whether the file belongs to root of the whole machine.
#[cfg(target_os = "linux")]
fn is_of_root(socket: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    // In another user namespace, root may be any user.
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    users.split_whitespace().eq(ALL_USERS) && std::fs::metadata(socket).is_ok_and(|found| found.uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_of_root(_: &Path) -> bool {
    false
}

/// The map of the users in the first user namespace of a machine.
#[cfg(target_os = "linux")]
const ALL_USERS: [&str; 3] = ["0", "0", "4294967295"];

/// The facts that the daemon reports with every answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    /// Whether it is Podman, which ends a command's output with the command.
    pub(super) podman: bool,
    pub(super) windows: bool,
}

/// Asks whether the daemon answers. The negotiation of the API version asks that, too.
pub(super) async fn answers(docker: &Docker) -> engine_api::Result<Product> {
    let known = |docker: &Docker| {
        let (podman, windows) = docker.is_podman().zip(docker.is_windows())?;
        Some(Product { podman, windows })
    };
    if known(docker).is_none() {
        docker.version().await?;
        if let Some(product) = known(docker) {
            return Ok(product);
        }
    }
    let ping = unless_refused(docker.system().ping().await)?;
    Ok(known(docker).unwrap_or_else(|| Product {
        podman: ping.as_ref().is_some_and(Ping::is_podman),
        windows: ping.is_some_and(|ping| ping.os_type == "windows"),
    }))
}

/// The reply of the daemon; `None` if a proxy in front of it refuses the request.
pub(super) fn unless_refused<T>(reply: engine_api::Result<T>) -> engine_api::Result<Option<T>> {
    match reply {
        Err(error) if matches!(error.status(), Some(403 | 404)) => Ok(None),
        other => other.map(Some),
    }
}

/// The features that depend on the daemon.
pub(super) const VARYING: [Feature; 10] = [
    Feature::MemoryLimit,
    Feature::CpuLimit,
    Feature::PidsLimit,
    Feature::SwapLimit,
    Feature::CpuSet,
    Feature::DiskLimit,
    Feature::BlockIoLimits,
    Feature::Pause,
    Feature::Processes,
    Feature::Metrics,
];

/// The features that only control groups make possible, apart from limits that the daemon reports.
const OF_GROUPS: [Feature; 4] = [
    Feature::BlockIoLimits,
    Feature::Pause,
    Feature::Processes,
    Feature::Metrics,
];

/// The features of a daemon on a machine without restrictions.
pub(super) fn everything() -> Capabilities {
    let all = Capabilities::new(IsolationLevel::Container).with(Feature::ALL);
    #[cfg(not(unix))]
    let all = all.without(
        Feature::Snapshots,
        "the program was built for a system without them",
    );
    all.with_values(values())
}

fn values() -> CapabilityValues {
    let package_managers = ["pip", "uv", "apt", "apk", "npm"];
    let network_modes = ["default", "none", "private", "named", OF_ENVIRONMENT];
    CapabilityValues {
        metrics: Some(MetricsKind::Exact),
        ..CapabilityValues::default().with(&package_managers, &network_modes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(info: &str) -> DaemonInfo {
        DaemonInfo {
            detail: String::new(),
            platform: Platform::default(),
            podman: false,
            info: engine_api::from_json(info.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn limit_that_cannot_be_enforced_is_missing() {
        let full = r#"{"MemoryLimit":true,"CpuCfsQuota":true,"CpuCfsPeriod":true,"PidsLimit":true,"SwapLimit":true,"CPUSet":true,"CgroupDriver":"systemd"}"#;
        assert_eq!(daemon(full).capabilities(), everything());
        let some =
            r#"{"MemoryLimit":true,"CpuCfsQuota":true,"PidsLimit":true,"SecurityOptions":["name=rootless"]}"#;
        let some = daemon(some).capabilities();
        assert!(some.has(Feature::MemoryLimit) && some.has(Feature::PidsLimit));
        assert!(some.reason(Feature::CpuLimit).unwrap().contains("without root"));
        let none = daemon(&full.replace("systemd", "none")).capabilities();
        for feature in OF_GROUPS.into_iter().chain([Feature::MemoryLimit]) {
            assert!(!none.has(feature), "{feature}");
        }
        assert_eq!(none.values().metrics, None);
        // Podman reports limits that have no effect.
        let podman = DaemonInfo {
            podman: true,
            ..daemon(&full.replace(
                r#""systemd""#,
                r#""cgroupfs","CgroupVersion":"1","SecurityOptions":["name=rootless"]"#,
            ))
        };
        let podman = podman.capabilities();
        assert!(podman.has(Feature::Processes));
        assert!(!podman.has(Feature::MemoryLimit) && !podman.has(Feature::Metrics));
    }

    #[test]
    fn daemon_with_windows_containers_is_unusable() {
        assert!(daemon(r#"{"OSType":"windows"}"#).unusable().is_some());
        assert!(daemon(r#"{"OSType":"linux"}"#).unusable().is_none());
    }

    #[test]
    fn storage_without_quotas_is_named() {
        let why = |driver: &str, status: &str| {
            daemon(&format!(r#"{{"Driver":"{driver}","DriverStatus":[{status}]}}"#)).has_no_quota()
        };
        let snapshotter = r#"["driver-type","io.containerd.snapshotter.v1"]"#;
        let text = why("overlayfs", snapshotter).unwrap();
        assert_eq!(text, "the snapshotter overlayfs ignores the size");
        let text = why("overlay2", r#"["Backing Filesystem","extfs"]"#).unwrap();
        assert!(text.contains("only on xfs, not on extfs"), "{text}");
        assert_eq!(why("overlay2", r#"["Backing Filesystem","xfs"]"#), None);
    }
}
