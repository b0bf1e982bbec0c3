//! The rights that a specification may ask for: kernel capabilities, and the profile hardened.

use super::NAME;
use super::identity::{self, Identity};
use super::kernel_capabilities::{CAPABILITIES, RAW};
use super::options::SandboxOptions;
use super::probe;
use super::socket_mounts;
use super::system_calls;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::engines::hardened;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::network::NetworkMode;
use crate::spec::security::{SecurityProfile, SecuritySpec, plain_capability};

/// The user of a command that names none; `None` for root.
pub(super) fn default_user<'a>(security: &SecuritySpec, of_image: Option<&'a str>) -> Option<&'a str> {
    match security.profile {
        SecurityProfile::Hardened if of_image.is_none_or(hardened::is_root) => Some(hardened::NOBODY),
        _ => of_image,
    }
}

/// Rejects what environments with these users cannot have.
pub(super) fn check(spec: &EnvironmentSpec, identity: Identity) -> Result<()> {
    let security = &spec.security;
    if let Some(why) = foreign(security) {
        return Err(unsupported(
            Feature::SecurityOptions,
            format!("{why}; use the engine docker"),
        ));
    }
    check_added(security, identity)?;
    match security.profile {
        SecurityProfile::Hardened => check_hardened(spec, identity),
        SecurityProfile::Standard | SecurityProfile::Trusted => Ok(()),
    }
}

/// Rejects a hardened environment without an image.
pub(super) fn check_image(spec: &EnvironmentSpec, has_image: bool) -> Result<()> {
    match spec.security.profile == SecurityProfile::Hardened && !has_image {
        true => Err(not_hardened(
            "it needs an image: without one, programs see the files of this machine",
        )),
        false => Ok(()),
    }
}

/// Rejects a terminal of a hardened environment.
pub(super) fn check_terminal(security: &SecuritySpec) -> Result<()> {
    match security.profile {
        SecurityProfile::Hardened => Err(not_hardened(
            "it has no terminals; run the command without one, or choose the profile standard",
        )),
        SecurityProfile::Standard | SecurityProfile::Trusted => Ok(()),
    }
}

/// Why an option cannot be had at all.
fn foreign(security: &SecuritySpec) -> Option<&'static str> {
    [
        (
            security.privileged,
            "no process has all rights on this machine (privileged)",
        ),
        (
            security.allow_new_privileges,
            "bwrap lets no process gain privileges",
        ),
        (
            security.seccomp.is_some(),
            "the filter of system calls cannot be replaced (seccomp)",
        ),
        (security.apparmor.is_some(), "bwrap sets no AppArmor profile"),
        (
            !security.devices.is_empty(),
            "no device of this machine can be added",
        ),
        (security.gpus.is_some(), "no GPU can be added"),
        (!security.groups.is_empty(), "no group can be added"),
        (
            !security.sysctls.is_empty(),
            "kernel parameters are read-only (sysctls)",
        ),
    ]
    .into_iter()
    .find_map(|(is_set, why)| is_set.then_some(why))
}

fn check_added(security: &SecuritySpec, identity: Identity) -> Result<()> {
    let known = |name: &String| CAPABILITIES.contains(&plain_capability(name).as_str());
    match security.add_capabilities.iter().find(|name| !known(name)) {
        _ if security.add_capabilities.is_empty() => Ok(()),
        _ if !identity.has_users() => Err(unsupported(Feature::KernelCapabilities, identity::why_single())),
        None => Ok(()),
        Some(name) => Err(unsupported(
            Feature::KernelCapabilities,
            format!(
                "an environment can have {}, and not {}",
                CAPABILITIES.join(", "),
                plain_capability(name)
            ),
        )),
    }
}

/// Rejects the kernel capability to write packets: with it, the program that gives access to the
/// internet would connect to the loopback interface of this machine.
pub(super) fn check_raw(security: &SecuritySpec) -> Result<()> {
    let is_raw = |name: &String| plain_capability(name) == RAW;
    match security.add_capabilities.iter().any(is_raw) {
        true => Err(unsupported(
            Feature::KernelCapabilities,
            format!(
                "with the network bridge, no process has {RAW}, with which it could connect to the loopback \
                 interface of this machine; do not add it, or use the engine docker"
            ),
        )),
        false => Ok(()),
    }
}

fn check_hardened(spec: &EnvironmentSpec, identity: Identity) -> Result<()> {
    if !identity.has_users() {
        return Err(not_hardened(&format!(
            "it needs several users, and {}",
            identity::why_single()
        )));
    }
    if system_calls::filter(true).is_none() {
        return Err(not_hardened(
            "the engine has a filter of system calls for x86-64 and ARM64 only",
        ));
    }
    let network = &spec.network;
    let is_alone = matches!(network.mode, NetworkMode::Default | NetworkMode::None) && network.own.is_empty();
    if !is_alone || SandboxOptions::of(spec)? != SandboxOptions::default() {
        return Err(not_hardened(
            "it has no network but its loopback interface; remove the network, or choose the profile standard",
        ));
    }
    let limits = spec.limits.clone().or(&hardened::default_limits(spec));
    let mut missing = probe::capabilities(identity, &Ok(())).missing(&limits.required_features().collect());
    for one in &mut missing {
        one.reason = format!("the profile hardened needs this limit, and {}", one.reason);
    }
    if !missing.is_empty() {
        return Err(Error::unsupported(NAME, missing));
    }
    match socket_mounts::first(&spec.mounts)? {
        Some(path) => Err(not_hardened(&format!(
            "{} is a socket, which a program could connect to; do not mount it",
            path.display()
        ))),
        None => Ok(()),
    }
}

fn not_hardened(why: &str) -> Error {
    unsupported(Feature::SecurityOptions, format!("the profile hardened: {why}"))
}

fn unsupported(feature: Feature, reason: String) -> Error {
    Error::unsupported(NAME, vec![MissingFeature { feature, reason }])
}

#[cfg(test)]
mod tests {
    use super::super::kernel_capabilities::tests::{RANGE, spec};
    use super::*;
    use crate::ErrorKind;
    use crate::spec::mount::Mount;

    #[test]
    fn option_of_other_engines_is_refused() {
        for (security, feature, word) in [
            (
                r#"{"profile": "trusted", "privileged": true}"#,
                "security",
                "privileged",
            ),
            (r#"{"allow_new_privileges": true}"#, "security", "gain privileges"),
            (r#"{"seccomp": "unconfined"}"#, "security", "seccomp"),
            (r#"{"apparmor": "mine"}"#, "security", "AppArmor"),
            (r#"{"devices": ["/dev/fuse"]}"#, "security", "device"),
            (r#"{"gpus": "all"}"#, "security", "GPU"),
            (r#"{"groups": ["audio"]}"#, "security", "group"),
            (
                r#"{"sysctls": {"net.core.somaxconn": "9"}}"#,
                "security",
                "sysctls",
            ),
            (
                r#"{"add_capabilities": ["SYS_ADMIN"]}"#,
                "kernel",
                "not SYS_ADMIN",
            ),
        ] {
            let error = check(&spec(security), RANGE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            let missing = &error.missing()[0];
            assert!(missing.feature.to_string().starts_with(feature), "{error}");
            assert!(missing.reason.contains(word), "{error}");
        }
        let added = r#"{"add_capabilities": ["cap_net_raw"], "drop_capabilities": ["ALL"]}"#;
        check(&spec(added), RANGE).unwrap();
        let error = check(&spec(added), Identity::Caller).unwrap_err();
        assert!(error.to_string().contains("there is one user"), "{error}");
        check(&spec(r#"{"drop_capabilities": ["ALL"]}"#), Identity::Caller).unwrap();
        check(&spec(r#"{"profile": "trusted"}"#), RANGE).unwrap();
    }

    #[test]
    fn hardened_profile_needs_users_and_no_network() {
        let hardened = spec(r#"{"profile": "hardened"}"#);
        let refused = |spec: &EnvironmentSpec, identity, word: &str| {
            let error = check(spec, identity).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(word), "{error}");
        };
        refused(&hardened, Identity::Caller, "needs several users");
        let mut with_network = hardened.clone();
        SandboxOptions { host_network: true }.add_to(&mut with_network);
        refused(&with_network, RANGE, "no network");
        let mut named = hardened.clone();
        named.network.mode = NetworkMode::Named("n".into());
        refused(&named, RANGE, "no network");
        let mut limited = hardened.clone();
        limited.limits.shm_size = Some(1 << 20);
        refused(&limited, RANGE, "needs this limit, and the engine does not set");
        // Where this user may create control groups.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut mounted = hardened.clone();
        mounted.mounts.push(Mount::host(directory.path(), "/in"));
        match check(&hardened, RANGE) {
            Ok(()) => refused(&mounted, RANGE, "is a socket"),
            Err(error) => assert!(error.to_string().contains("needs this limit"), "{error}"),
        }
        assert!(check_image(&hardened, false).is_err() && check_image(&hardened, true).is_ok());
        let standard = spec("{}");
        assert!(check_image(&standard, false).is_ok() && check_terminal(&standard.security).is_ok());
        let error = check_terminal(&hardened.security).unwrap_err();
        assert!(error.to_string().contains("no terminals"), "{error}");
    }

    #[test]
    fn packets_cannot_be_written_on_the_bridge() {
        check_raw(&spec(r#"{"add_capabilities": ["CHOWN"]}"#).security).unwrap();
        let error = check_raw(&spec(r#"{"add_capabilities": ["cap_net_raw"]}"#).security).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("loopback"), "{error}");
    }

    #[test]
    fn default_user_is_that_of_the_image_or_nobody() {
        let of = |security: &str, image| default_user(&spec(security).security, image).map(str::to_owned);
        assert_eq!(of("{}", None), None);
        assert_eq!(of("{}", Some("0:0")), Some("0:0".to_owned()));
        for (image, expected) in [
            (None, "65534:65534"),
            (Some("root"), "65534:65534"),
            (Some("0:5"), "65534:65534"),
            (Some("app"), "app"),
        ] {
            assert_eq!(
                of(r#"{"profile": "hardened"}"#, image).as_deref(),
                Some(expected),
                "{image:?}"
            );
        }
    }
}
