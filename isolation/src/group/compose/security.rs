//! The rights of a service, and the limits of each of its processes.

use super::pairs::pairs;
use super::reading::Reading;
use super::yaml::{Node, Value};
use crate::spec::EnvironmentSpec;
use crate::spec::limits::ulimit::Ulimit;
use crate::spec::security::SecurityProfile;

/// The keys of a service that this file reads.
pub(super) const KEYS: [&str; 6] = [
    "cap_add",
    "cap_drop",
    "privileged",
    "security_opt",
    "sysctls",
    "ulimits",
];

/// Reads one of [`KEYS`].
pub(super) fn read(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    key: &str,
    spec: &mut EnvironmentSpec,
) {
    let security = &mut spec.security;
    match key {
        "cap_add" => security.add_capabilities = capabilities(reading, node, path),
        "cap_drop" => security.drop_capabilities = capabilities(reading, node, path),
        "sysctls" => security.sysctls = pairs(reading, node, path).into_iter().collect(),
        "privileged" => {
            if reading.bool(node, path) == Some(true) {
                (security.profile, security.privileged) = (SecurityProfile::Trusted, true);
            }
        }
        "security_opt" => options(reading, node, path, spec),
        _ => ulimits(reading, node, path, spec),
    }
}

fn capabilities(reading: &mut Reading<'_>, node: &Node, path: &str) -> Vec<String> {
    let names = reading.texts(node, path).into_iter();
    let plain = |name: String| name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name);
    names.map(plain).collect()
}

/// Reads `security_opt`: `no-new-privileges`, `seccomp=FILE` and `apparmor=NAME`. A colon separates
/// a name and a value, too.
fn options(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    let security = &mut spec.security;
    for (at, text) in reading.texts(node, path).into_iter().enumerate() {
        let path = format!("{path}[{at}]");
        match text.split_once(['=', ':']).unwrap_or((&text, "")) {
            ("no-new-privileges", "" | "true") => security.allow_new_privileges = false,
            ("no-new-privileges", "false") => security.allow_new_privileges = true,
            ("seccomp", "unconfined") => security.seccomp = Some("unconfined".to_owned()),
            ("seccomp", file) if !file.is_empty() => match std::fs::read_to_string(reading.path(file)) {
                Ok(profile) => security.seccomp = Some(profile),
                Err(error) => reading.fault(node.line, &path, &format!("cannot read the file: {error}")),
            },
            ("apparmor", name) if !name.is_empty() => security.apparmor = Some(name.to_owned()),
            _ => {
                let hint = "the options are no-new-privileges, seccomp and apparmor";
                reading.unsupported(node.line, &path, hint);
            }
        }
    }
}

/// Reads `ulimits`: a number, or `{soft: …, hard: …}` for each name.
fn ulimits(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    const WHAT: &str = "a number, or -1 for no limit,";
    for entry in reading.map(node, path) {
        let path = format!("{path}.{}", entry.key);
        let limit = match &entry.value.value {
            Value::Map(parts) => {
                let (mut soft, mut hard) = (None, None);
                for part in parts {
                    let path = format!("{path}.{}", part.key);
                    match part.key.as_str() {
                        "soft" => soft = reading.parsed(&part.value, &path, WHAT, str::parse),
                        "hard" => hard = reading.parsed(&part.value, &path, WHAT, str::parse),
                        _ => reading.unsupported(part.line, &path, ""),
                    }
                }
                match (soft, hard) {
                    (Some(soft), Some(hard)) => Some(Ulimit { soft, hard }),
                    _ => {
                        reading.fault(entry.line, &path, "soft and hard are expected");
                        None
                    }
                }
            }
            _ => reading
                .parsed(&entry.value, &path, WHAT, str::parse)
                .map(|value| Ulimit {
                    soft: value,
                    hard: value,
                }),
        };
        spec.limits
            .ulimits
            .extend(limit.map(|limit| (entry.key.clone(), limit)));
    }
}
