//! Restrictions of an environment, and exceptions to them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::device::{Device, Gpus};
use super::network::NetworkMode;
use super::validate::{self, Faults};
use super::{EnvironmentSpec, sysctl};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::short::short;

/// The kernel capabilities of Linux.
pub(crate) const CAPABILITIES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Every kernel capability.
const ALL: &str = "ALL";

/// The rights of the processes of an environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecurityProfile {
    /// The few kernel capabilities that package managers need. No process can gain more.
    #[default]
    Standard,
    /// For untrusted programs: no kernel capabilities, and no process can gain one; a read-only
    /// root file system with a `/tmp` in memory; an unprivileged user unless the image has a user;
    /// no network; limits of memory, CPU time and processes.
    Hardened,
    /// For trusted programs: the default rights of the engine's containers.
    Trusted,
}

impl fmt::Display for SecurityProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::Hardened => "hardened",
            Self::Trusted => "trusted",
        })
    }
}

/// The restrictions of an environment: a profile, and exceptions to it. Each exception is one
/// field; [`EnvironmentSpec::relaxations`] lists them.
///
/// ```
/// let spec = isolation::EnvironmentSpec::from_json(r#"{
///     "security": {"profile": "hardened", "writable_root": true}
/// }"#)?;
/// assert_eq!(spec.relaxations(), ["the root file system is writable"]);
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SecuritySpec {
    /// The profile.
    #[serde(skip_serializing_if = "is_default")]
    pub profile: SecurityProfile,
    /// Whether the root file system is read-only; mounts stay writable.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only_root: bool,
    /// Whether the root file system is also writable in the profile
    /// [`Hardened`](SecurityProfile::Hardened).
    #[serde(skip_serializing_if = "is_default")]
    pub writable_root: bool,
    /// Additional kernel capabilities of processes, such as `NET_RAW`.
    #[serde(skip_serializing_if = "is_default")]
    pub add_capabilities: Vec<String>,
    /// Kernel capabilities of the profile to drop.
    #[serde(skip_serializing_if = "is_default")]
    pub drop_capabilities: Vec<String>,
    /// Whether a process can gain privileges, for example with `sudo` and other set-user-ID
    /// programs. On Docker 20.10, a command of root has no kernel capabilities without it if the
    /// user of the container is another one.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_new_privileges: bool,
    /// The seccomp filter instead of the engine's: `unconfined`, or a profile as JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub seccomp: Option<String>,
    /// The AppArmor profile instead of the engine's: a name, or `unconfined`.
    #[serde(skip_serializing_if = "is_default")]
    pub apparmor: Option<String>,
    /// Whether processes have all rights on the machine of the engine. Only with the profile
    /// [`Trusted`](SecurityProfile::Trusted).
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// Devices of the machine of the engine that processes may use.
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub devices: Vec<Device>,
    /// GPUs of the machine of the engine that processes may use. Podman would drop the request, so
    /// it is an error there.
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub gpus: Option<Gpus>,
    /// Additional groups of processes, by name or number.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Vec<String>,
    /// Kernel parameters of the environment, such as `net.core.somaxconn`. Parameters of the whole
    /// machine are rejected.
    #[serde(skip_serializing_if = "is_default")]
    pub sysctls: BTreeMap<String, String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The kernel's name of a kernel capability, without its prefix.
pub(crate) fn plain_capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

fn check_capability(name: &str, may_be_all: bool) -> Result<()> {
    validate::text("the name of a kernel capability", name)?;
    let plain = plain_capability(name);
    if plain == ALL && !may_be_all {
        let why = "all kernel capabilities can be added only in the profile trusted; add the needed ones";
        return Err(Error::invalid(why));
    }
    match plain == ALL || CAPABILITIES.contains(&plain.as_str()) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "there is no kernel capability {name:?}; write NET_RAW, SYS_PTRACE …",
            name = short(name)
        ))),
    }
}

fn check_group(group: &str) -> Result<()> {
    validate::text("the name of a group", group)?;
    match group.contains([':', ' ', '\t', '\n']) {
        true => Err(Error::invalid(format!(
            "{:?} is not a group; write its name or number",
            short(group)
        ))),
        false => Ok(()),
    }
}

impl SecuritySpec {
    /// Whether processes have this kernel capability, without the defaults of the engine.
    pub(crate) fn keeps(&self, capability: &str) -> bool {
        let has = |list: &[String]| {
            let mut plain = list.iter().map(|name| plain_capability(name));
            plain.any(|name| name == capability || name == ALL)
        };
        has(&self.add_capabilities)
            || (self.profile != SecurityProfile::Hardened && !has(&self.drop_capabilities))
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        let is_trusted = self.profile == SecurityProfile::Trusted;
        for capability in &self.add_capabilities {
            faults.add(check_capability(capability, is_trusted));
        }
        for capability in &self.drop_capabilities {
            faults.add(check_capability(capability, true));
        }
        for (what, text) in [
            ("the seccomp profile", &self.seccomp),
            ("the AppArmor profile", &self.apparmor),
        ] {
            faults.add(text.as_deref().map_or(Ok(()), |text| validate::text(what, text)));
        }
        if let Some(seccomp) = self.seccomp.as_deref().filter(|text| *text != UNCONFINED) {
            if !serde_json::from_str::<serde_json::Value>(seccomp).is_ok_and(|profile| profile.is_object()) {
                let why = "the seccomp profile is neither unconfined nor a JSON object";
                faults.add(Err(Error::invalid(why)));
            }
        }
        self.check_devices(faults);
        for group in &self.groups {
            faults.add(check_group(group));
        }
        for (name, value) in &self.sysctls {
            faults.add(sysctl::check(name, value));
        }
        if self.privileged && !is_trusted {
            let why = "privileged gives all rights on the machine, so it needs the profile trusted";
            faults.add(Err(Error::invalid(why)));
        }
        if self.read_only_root && self.writable_root {
            let why = "read_only_root and writable_root exclude each other; omit one";
            faults.add(Err(Error::invalid(why)));
        }
    }

    fn check_devices(&self, faults: &mut Faults) {
        for (at, device) in self.devices.iter().enumerate() {
            faults.add(device.check());
            if self.devices[..at]
                .iter()
                .any(|other| other.target == device.target)
            {
                let why = format!("two devices have the path {}; give each its own", device.target);
                faults.add(Err(Error::invalid(why)));
            }
        }
        faults.add(self.gpus.as_ref().map_or(Ok(()), Gpus::check));
    }

    /// The options that it adds beyond kernel capabilities, as texts.
    fn additions(&self) -> impl Iterator<Item = String> {
        let devices = self.devices.iter();
        let devices = devices.map(|device| format!("it has the device {}", device.source));
        let gpus = self.gpus.iter().map(|gpus| format!("it has GPUs ({gpus})"));
        let groups = self
            .groups
            .iter()
            .map(|group| format!("its processes have the group {group}"));
        let sysctls = self.sysctls.iter();
        let sysctls = sysctls.map(|(name, value)| format!("it sets the kernel parameter {name}={value}"));
        devices.chain(gpus).chain(groups).chain(sysctls)
    }

    pub(super) fn required_features(&self) -> impl Iterator<Item = Feature> {
        let options = self.profile == SecurityProfile::Hardened
            || self.additions().next().is_some()
            || self.privileged
            || !self.drop_capabilities.is_empty()
            || self.seccomp.is_some()
            || self.apparmor.is_some();
        [
            (self.read_only_root, Feature::ReadOnlyRoot),
            (!self.add_capabilities.is_empty(), Feature::KernelCapabilities),
            (options, Feature::SecurityOptions),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
    }
}

/// No filter and no profile.
const UNCONFINED: &str = "unconfined";

impl EnvironmentSpec {
    /// The exceptions from the standard profile, or from the hardened profile if the environment
    /// has it: one text for each exception.
    pub fn relaxations(&self) -> Vec<String> {
        let security = &self.security;
        let mut found = Vec::new();
        let mut add = |is_set: bool, text: String| found.extend(is_set.then_some(text));
        add(
            security.profile == SecurityProfile::Trusted,
            "the profile is trusted".to_owned(),
        );
        add(security.privileged, "it has all rights on the machine".to_owned());
        for capability in &security.add_capabilities {
            let name = plain_capability(capability);
            add(true, format!("it has the kernel capability {name}"));
        }
        add(
            security.allow_new_privileges,
            "its processes can gain privileges".to_owned(),
        );
        add(
            security.seccomp.is_some(),
            "it has a seccomp filter of its own".to_owned(),
        );
        if let Some(profile) = &security.apparmor {
            add(true, format!("it has the AppArmor profile {profile}"));
        }
        security.additions().for_each(|text| add(true, text));
        if security.profile == SecurityProfile::Hardened {
            add(
                security.writable_root,
                "the root file system is writable".to_owned(),
            );
            let has_network = !matches!(self.network.mode, NetworkMode::Default | NetworkMode::None);
            add(has_network, "it has a network".to_owned());
            let root = ["0", "root"];
            let user = self.user.as_deref().and_then(|user| user.split(':').next());
            add(
                user.is_some_and(|user| root.contains(&user)),
                "its user is root".to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(security: &str) -> EnvironmentSpec {
        EnvironmentSpec::from_json(&format!(r#"{{"security": {security}}}"#)).unwrap()
    }

    #[test]
    fn invalid_exception_is_rejected() {
        for (security, word) in [
            (r#"{"privileged": true}"#, "trusted"),
            (r#"{"profile": "hardened", "privileged": true}"#, "trusted"),
            (r#"{"add_capabilities": ["ALL"]}"#, "trusted"),
            (r#"{"add_capabilities": ["NET_ROW"]}"#, "NET_RAW"),
            (r#"{"drop_capabilities": [""]}"#, "blank"),
            (r#"{"seccomp": "/some/file"}"#, "JSON"),
            (r#"{"apparmor": " "}"#, "blank"),
            (r#"{"groups": ["a:b"]}"#, "its name or number"),
            (r#"{"sysctls": {"vm.swappiness": "1"}}"#, "net.*"),
            (r#"{"devices": ["/dev/a", "/dev/b:/dev/a"]}"#, "two devices"),
            (r#"{"read_only_root": true, "writable_root": true}"#, "exclude"),
        ] {
            let error = spec(security).validate().unwrap_err().to_string();
            assert!(error.contains(word), "{security}: {error}");
        }
        for security in [
            r#"{"profile": "trusted", "privileged": true, "add_capabilities": ["ALL"]}"#,
            r#"{"groups": ["audio", "44"]}"#,
            r#"{"add_capabilities": ["cap_net_raw"], "drop_capabilities": ["ALL"], "seccomp": "{}"}"#,
        ] {
            spec(security).validate().unwrap();
        }
    }

    #[test]
    fn every_exception_is_listed() {
        assert!(EnvironmentSpec::default().relaxations().is_empty());
        let all = r#"{"profile": "trusted", "privileged": true, "add_capabilities": ["cap_sys_admin"],
            "allow_new_privileges": true, "seccomp": "unconfined", "apparmor": "unconfined",
            "devices": ["/dev/fuse"], "gpus": "all", "groups": ["audio"],
            "sysctls": {"net.core.somaxconn": "9"}}"#;
        let found = spec(all).relaxations();
        assert_eq!(found.len(), 10, "{found:?}");
        assert!(found.iter().any(|text| text.contains("/dev/fuse")), "{found:?}");
        assert!(found.iter().any(|text| text.contains("SYS_ADMIN")), "{found:?}");
        let mut hardened = spec(r#"{"profile": "hardened"}"#);
        assert!(hardened.relaxations().is_empty());
        hardened.user = Some("0:0".into());
        hardened.network.mode = NetworkMode::Named("n".into());
        assert_eq!(hardened.relaxations(), ["it has a network", "its user is root"]);
    }

    #[test]
    fn kill_capability_depends_on_the_profile() {
        for (security, keeps) in [
            ("{}", true),
            (r#"{"drop_capabilities": ["CAP_KILL"]}"#, false),
            (r#"{"profile": "hardened"}"#, false),
            (r#"{"profile": "hardened", "add_capabilities": ["KILL"]}"#, true),
            (r#"{"profile": "trusted", "drop_capabilities": ["ALL"]}"#, false),
        ] {
            assert_eq!(spec(security).security.keeps("KILL"), keeps, "{security}");
        }
    }
}
