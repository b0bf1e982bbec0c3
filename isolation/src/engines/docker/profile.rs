//! The security profile of an environment's container.

use engine_api::containers::{DeviceMapping, DeviceRequest, HostConfig};

use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::device::{Device, Gpus};
use crate::spec::security::{self, SecurityProfile, SecuritySpec, plain_capability};

/// The kernel capabilities of the standard profile; all others are dropped.
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

/// The kernel capability to listen on ports below 1024. Docker allows that to every process of a
/// container.
const LOW_PORTS: &str = "NET_BIND_SERVICE";

/// Capabilities whose names older kernels reject. Podman gives them to no container by default.
const NEWEST: [&str; 3] = ["BPF", "CHECKPOINT_RESTORE", "PERFMON"];

/// Writes the profile into the configuration of a container. The daemon's own seccomp filter and
/// masked paths stay, unless the specification names others.
pub(super) fn write(spec: &EnvironmentSpec, podman: bool, host: &mut HostConfig) {
    let security = &spec.security;
    let mut kept: Vec<String> = match security.profile {
        SecurityProfile::Standard => {
            let low_ports = podman.then_some(LOW_PORTS);
            let all = CAPABILITIES.into_iter().chain(low_ports);
            all.map(str::to_owned).collect()
        }
        SecurityProfile::Hardened | SecurityProfile::Trusted => Vec::new(),
    };
    let dropped: Vec<String> = security
        .drop_capabilities
        .iter()
        .map(|name| plain_capability(name))
        .collect();
    kept.retain(|name| !dropped.iter().any(|gone| gone == name || gone == "ALL"));
    kept.extend(
        security
            .add_capabilities
            .iter()
            .map(|name| plain_capability(name)),
    );
    let all_are_dropped = dropped.iter().any(|gone| gone == "ALL");
    host.cap_add = kept.into_iter().collect();
    host.cap_drop = match security.profile {
        SecurityProfile::Trusted => dropped.into_iter().collect(),
        SecurityProfile::Standard | SecurityProfile::Hardened => ["ALL"].into(),
    };
    if podman && security.profile == SecurityProfile::Standard && !all_are_dropped {
        give_to_root_only(host);
    }
    let may_gain = security.allow_new_privileges || security.profile == SecurityProfile::Trusted;
    let mut options = Vec::new();
    if !may_gain {
        options.push("no-new-privileges".to_owned());
    }
    options.extend(
        security
            .seccomp
            .iter()
            .map(|profile| format!("seccomp={profile}")),
    );
    options.extend(
        security
            .apparmor
            .iter()
            .map(|profile| format!("apparmor={profile}")),
    );
    host.security_opt = options.into_iter().collect();
    host.privileged = security.privileged;
    host.group_add = security.groups.iter().cloned().collect();
    host.sysctls = security.sysctls.clone().into();
    host.devices = security.devices.iter().map(mapping).collect();
    host.device_requests = security.gpus.iter().map(request).collect();
    host.readonly_rootfs = security.read_only_root;
}

fn mapping(device: &Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: device.source.clone(),
        path_in_container: device.target.clone(),
        cgroup_permissions: device.permissions.clone(),
    }
}

/// Rejects a request for GPUs that Podman would drop.
pub(super) fn check_gpus(security: &SecuritySpec, podman: bool) -> Result<()> {
    match &security.gpus {
        Some(gpus) if podman => {
            let text = format!(
                "Podman drops the request for GPUs ({gpus}) without an error; remove it, or use Docker"
            );
            Err(Error::new(ErrorKind::Unsupported, text))
        }
        _ => Ok(()),
    }
}

/// The request of the docker command for GPUs.
fn request(gpus: &Gpus) -> DeviceRequest {
    let (count, device_ids) = match gpus {
        Gpus::All => (-1, Vec::new()),
        Gpus::Count(count) => (i64::from(*count), Vec::new()),
        Gpus::Devices(devices) => (0, devices.clone()),
    };
    DeviceRequest {
        count,
        device_ids: device_ids.into_iter().collect(),
        capabilities: vec![vec!["gpu".to_owned()]],
        ..DeviceRequest::default()
    }
}

/// Podman gives an added capability to the processes of every user, and not only to root as Docker
/// does. So those of the standard profile are not added: all others are dropped.
fn give_to_root_only(host: &mut HostConfig) {
    let kept = std::mem::take(&mut host.cap_add);
    let has = |name: &str| kept.iter().any(|one| one == name);
    if has("ALL") {
        host.cap_add = kept;
        return;
    }
    let others = security::CAPABILITIES.into_iter();
    let others = others.filter(|name| !has(name) && !NEWEST.contains(name));
    host.cap_drop = others.map(str::to_owned).collect();
    let added = kept.iter().filter(|name| !CAPABILITIES.contains(&name.as_str()));
    host.cap_add = added.cloned().collect();
}

/// The user that can signal the processes of all users, for execs; empty for the container's own
/// user: without the capability, root can signal only processes of root.
pub(super) fn control_user(spec: &EnvironmentSpec) -> &'static str {
    match spec.security.keeps("KILL") {
        true => "0",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::hardened::{default_limits, fill_in};
    use crate::spec::network::NetworkMode;

    fn host(json: &str) -> HostConfig {
        host_on(false, json)
    }

    fn host_on(podman: bool, json: &str) -> HostConfig {
        let mut host = HostConfig::default();
        let mut spec = EnvironmentSpec::from_json(&format!(r#"{{"security": {json}}}"#)).unwrap();
        fill_in(&mut spec);
        write(&spec, podman, &mut host);
        host
    }

    #[test]
    fn hardened_profile_gives_nothing() {
        let hardened = host(r#"{"profile": "hardened"}"#);
        assert_eq!(hardened.cap_drop, ["ALL"]);
        assert!(hardened.cap_add.is_empty() && hardened.readonly_rootfs && !hardened.privileged);
        assert_eq!(hardened.security_opt, ["no-new-privileges"]);
        let mut spec = EnvironmentSpec::from_json(r#"{"security": {"profile": "hardened"}}"#).unwrap();
        fill_in(&mut spec);
        assert_eq!(spec.network.mode, NetworkMode::None);
        assert_eq!(spec.mounts[0].target, "/tmp");
        let limits = default_limits(&spec);
        assert!(limits.memory.is_some() && limits.cpus.is_some() && limits.pids.is_some());
    }

    #[test]
    fn exception_changes_one_thing() {
        let base = host(r#"{"profile": "hardened"}"#);
        let with = |change: &dyn Fn(&mut HostConfig)| {
            let mut base = base.clone();
            change(&mut base);
            base
        };
        assert_eq!(
            host(r#"{"profile": "hardened", "writable_root": true}"#),
            with(&|host| host.readonly_rootfs = false)
        );
        assert_eq!(
            host(r#"{"profile": "hardened", "add_capabilities": ["cap_net_raw"]}"#),
            with(&|host| host.cap_add = ["NET_RAW"].into())
        );
        assert_eq!(
            host(r#"{"profile": "hardened", "allow_new_privileges": true}"#),
            with(&|host| host.security_opt = Vec::<String>::new().into_iter().collect())
        );
        assert_eq!(
            host(r#"{"profile": "hardened", "seccomp": "unconfined", "apparmor": "mine"}"#),
            with(&|host| {
                host.security_opt = ["no-new-privileges", "seccomp=unconfined", "apparmor=mine"].into();
            })
        );
    }

    #[test]
    fn podman_adds_only_what_every_user_may_have() {
        let standard = host_on(true, "{}");
        assert_eq!(standard.cap_add, [LOW_PORTS]);
        let drops = |host: &HostConfig, name: &str| host.cap_drop.iter().any(|one| one == name);
        assert!(drops(&standard, "SYS_CHROOT") && drops(&standard, "NET_RAW"));
        for name in CAPABILITIES.iter().chain(&[LOW_PORTS, "BPF", "ALL"]) {
            assert!(!drops(&standard, name), "{name}");
        }
        let changed = r#"{"drop_capabilities": ["KILL"], "add_capabilities": ["NET_RAW"]}"#;
        let changed = host_on(true, changed);
        assert_eq!(changed.cap_add, [LOW_PORTS, "NET_RAW"]);
        assert!(drops(&changed, "KILL") && !drops(&changed, "NET_RAW"));
        for same in [
            r#"{"profile": "hardened"}"#,
            r#"{"profile": "trusted"}"#,
            r#"{"drop_capabilities": ["ALL"]}"#,
        ] {
            assert_eq!(host_on(true, same), host(same), "{same}");
        }
    }

    #[test]
    fn devices_groups_and_parameters_are_added() {
        let added = host(
            r#"{"devices": ["/dev/a:/dev/b:r"], "gpus": "device=0", "groups": ["audio"],
                "sysctls": {"net.core.somaxconn": "9"}}"#,
        );
        let device = &added.devices[0];
        assert_eq!(
            (
                device.path_on_host.as_str(),
                device.path_in_container.as_str(),
                device.cgroup_permissions.as_str()
            ),
            ("/dev/a", "/dev/b", "r")
        );
        assert_eq!(added.group_add, ["audio"]);
        assert_eq!(added.sysctls["net.core.somaxconn"], "9");
        let gpus = |text: &str| {
            host(&format!(r#"{{"gpus": "{text}"}}"#))
                .device_requests
                .remove(0)
        };
        assert_eq!(added.device_requests, [gpus("device=0")]);
        assert_eq!(
            (gpus("device=0").count, gpus("all").count, gpus("2").count),
            (0, -1, 2)
        );
    }

    #[test]
    fn gpus_that_would_be_dropped_are_an_error() {
        let with = SecuritySpec {
            gpus: Some("all".parse().unwrap()),
            ..SecuritySpec::default()
        };
        let error = check_gpus(&with, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("GPUs (all)"), "{error}");
        assert!(check_gpus(&with, false).is_ok());
        assert!(check_gpus(&SecuritySpec::default(), true).is_ok());
    }

    #[test]
    fn trusted_profile_is_that_of_the_daemon() {
        let trusted = host(r#"{"profile": "trusted"}"#);
        assert_eq!(trusted, HostConfig::default());
        assert!(host(r#"{"profile": "trusted", "privileged": true}"#).privileged);
        let less = host(r#"{"profile": "trusted", "drop_capabilities": ["CAP_NET_RAW"]}"#);
        assert_eq!(less.cap_drop, ["NET_RAW"]);
    }

    #[test]
    fn capability_of_the_standard_profile_can_be_dropped() {
        let less = host(r#"{"drop_capabilities": ["KILL", "SETUID"]}"#);
        assert_eq!(less.cap_add.len(), CAPABILITIES.len() - 2);
        assert!(host(r#"{"drop_capabilities": ["ALL"]}"#).cap_add.is_empty());
    }

    #[test]
    fn podman_gets_all_capabilities_by_their_name() {
        let all = host_on(true, r#"{"add_capabilities": ["ALL"]}"#);
        assert!(all.cap_add.iter().any(|name| name == "ALL"), "{:?}", all.cap_add);
        assert!(
            !all.cap_drop.iter().any(|name| name == "SYS_ADMIN"),
            "{:?}",
            all.cap_drop
        );
    }
}
