//! The kernel capabilities of an environment.
//!
//! The first process starts the commands of every user, and signals them. So it has kernel
//! capabilities that a specification may drop: commands are then started without them, by the
//! program `setpriv`, and cannot gain them again. In an environment with one user no process has a
//! kernel capability.

use super::identity::Identity;
use crate::spec::security::SecuritySpec;

/// The kernel capabilities of a container of Docker, which are those of the profiles standard and
/// trusted.
pub(super) const CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "SETFCAP",
    "AUDIT_WRITE",
    "MKNOD",
    "NET_RAW",
];

/// The one with which a program writes packets itself.
pub(super) const RAW: &str = "NET_RAW";

/// Those of the first process: it opens the pipes of a command, changes to its user, drops its
/// kernel capabilities and signals it.
const OF_FIRST_PROCESS: [&str; 5] = ["DAC_OVERRIDE", "KILL", "SETGID", "SETPCAP", "SETUID"];

/// The kernel capabilities of the first process, with the kernel's prefix.
pub(super) fn of_first_process(security: &SecuritySpec, identity: Identity) -> Vec<String> {
    let needed = |name: &str| security.keeps(name) || OF_FIRST_PROCESS.contains(&name);
    let kept = CAPABILITIES
        .into_iter()
        .filter(|name| identity.has_users() && needed(name));
    kept.map(|name| format!("CAP_{name}")).collect()
}

/// The options of `setpriv` that start a command with fewer than [`CAPABILITIES`]; empty if it has
/// them all.
pub(super) fn dropped(security: &SecuritySpec, identity: Identity) -> Vec<String> {
    if !identity.has_users() || CAPABILITIES.into_iter().all(|name| security.keeps(name)) {
        return Vec::new();
    }
    let kept = CAPABILITIES.into_iter().filter(|name| security.keeps(name));
    let kept: String = kept.map(|name| format!(",+{}", name.to_lowercase())).collect();
    vec![format!("--bounding-set=-all{kept}"), "--inh-caps=-all".to_owned()]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::EnvironmentSpec;

    /// The users of an environment of root.
    pub(in crate::engines::sandbox) const RANGE: Identity = Identity::Range { first: 200_000 };

    /// A specification with these rights.
    pub(in crate::engines::sandbox) fn spec(security: &str) -> EnvironmentSpec {
        EnvironmentSpec::from_json(&format!(r#"{{"security": {security}}}"#)).unwrap()
    }

    #[test]
    fn commands_have_the_capabilities_of_the_profile() {
        let of = |security: &str| {
            let security = spec(security).security;
            let first = of_first_process(&security, RANGE);
            (first.len(), dropped(&security, RANGE).join(" "))
        };
        for (security, first, options) in [
            ("{}", 14, ""),
            (r#"{"profile": "trusted"}"#, 14, ""),
            (
                r#"{"drop_capabilities": ["ALL"], "add_capabilities": ["CHOWN", "KILL"]}"#,
                6,
                "--bounding-set=-all,+chown,+kill --inh-caps=-all",
            ),
            (
                r#"{"profile": "hardened"}"#,
                5,
                "--bounding-set=-all --inh-caps=-all",
            ),
        ] {
            assert_eq!(of(security), (first, options.to_owned()), "{security}");
            let security = spec(security).security;
            assert!(of_first_process(&security, Identity::Caller).is_empty());
            assert!(dropped(&security, Identity::Caller).is_empty());
        }
        let (first, options) = of(r#"{"drop_capabilities": ["cap_kill"]}"#);
        assert_eq!(first, 14, "the first process needs it");
        assert!(
            options.contains(",+setuid,") && !options.contains("kill"),
            "{options}"
        );
    }
}
