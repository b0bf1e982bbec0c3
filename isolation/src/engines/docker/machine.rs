//! What an engine is, and what the machine it runs on lets it enforce.

use engine_api::Docker;
use engine_api::system::Info;

use crate::capabilities::{Capabilities, Feature, IsolationLevel};

/// What an engine has told of itself.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// Its name and version, the API version spoken, its address.
    pub(super) detail: String,
    /// Whether it is Podman, which ends a command's output with the command.
    pub(super) podman: bool,
    info: Info,
}

impl Machine {
    /// Asks the engine.
    pub(super) async fn ask(docker: &Docker) -> engine_api::Result<Self> {
        let system = docker.system();
        let podman = system.ping().await?.is_podman();
        let version = system.version().await?;
        let info = system.info().await?;
        let product = if podman { "Podman" } else { "Docker" };
        let (spoken, address) = (docker.version().await?, docker.address());
        let detail = format!("{product} {}, API {spoken}, at {address}", version.version);
        Ok(Self { detail, podman, info })
    }

    /// Why the engine cannot be used at all, though it answers.
    pub(super) fn unusable(&self) -> Option<String> {
        (self.info.os_type == "windows").then(|| "its containers are those of Windows".to_owned())
    }

    /// What it can do here.
    pub(super) fn capabilities(&self) -> Capabilities {
        let info = &self.info;
        // Without control groups of its own (rootless, as a rule) an engine takes limits and drops them.
        let grouped = info.cgroup_driver.as_ref() != "none";
        let quota = info.cpu_cfs_quota && info.cpu_cfs_period;
        let rootless = info
            .security_options
            .iter()
            .any(|option| option.contains("rootless"));
        let hint = if rootless { "; it runs without root" } else { "" };
        [
            (Feature::MemoryLimit, info.memory_limit, "memory"),
            (Feature::CpuLimit, quota, "CPU time"),
            (Feature::PidsLimit, info.pids_limit, "processes"),
        ]
        .into_iter()
        .filter(|(_, able, _)| !(*able && grouped))
        .fold(everything(), |capabilities, (feature, _, what)| {
            capabilities.without(feature, format!("this engine cannot limit {what} here{hint}"))
        })
    }
}

/// What an engine can do on a machine that lacks nothing.
pub(super) fn everything() -> Capabilities {
    let can = Feature::ALL
        .into_iter()
        .filter(|feature| *feature != Feature::Snapshots);
    Capabilities::new(IsolationLevel::Container)
        .with(can)
        .without(Feature::Snapshots, "not built yet")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(info: &str) -> Machine {
        Machine {
            detail: String::new(),
            podman: false,
            info: engine_api::from_json(info.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn what_the_machine_cannot_limit_is_lacking_with_a_reason() {
        let full = r#"{"MemoryLimit":true,"CpuCfsQuota":true,"CpuCfsPeriod":true,"PidsLimit":true,"CgroupDriver":"systemd"}"#;
        assert_eq!(machine(full).capabilities(), everything());
        let some =
            r#"{"MemoryLimit":true,"CpuCfsQuota":true,"PidsLimit":true,"SecurityOptions":["name=rootless"]}"#;
        let some = machine(some).capabilities();
        assert!(some.has(Feature::MemoryLimit) && some.has(Feature::PidsLimit));
        assert!(some.reason(Feature::CpuLimit).unwrap().contains("without root"));
        let none = full.replace("systemd", "none");
        assert!(!machine(&none).capabilities().has(Feature::MemoryLimit));
    }

    #[test]
    fn an_engine_of_windows_containers_is_of_no_use() {
        assert!(machine(r#"{"OSType":"windows"}"#).unusable().is_some());
        assert!(machine(r#"{"OSType":"linux"}"#).unusable().is_none());
    }
}
