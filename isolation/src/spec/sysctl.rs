//! Kernel parameters of an environment.

use super::validate;
use crate::error::{Error, Result};
use crate::short::short;

/// The parameters of the IPC namespace.
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Rejects a parameter of the whole machine, and a text that is not a parameter.
pub(super) fn check(name: &str, value: &str) -> Result<()> {
    validate::text(&format!("the value of the kernel parameter {name}"), value)?;
    let rest = name
        .strip_prefix("net.")
        .or_else(|| name.strip_prefix("fs.mqueue."));
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let own = rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_part) && !rest.contains(".."));
    match own || OF_IPC.contains(&name) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{name:?} is not a kernel parameter of an environment; these are net.*, fs.mqueue.* and {}",
            OF_IPC.join(", "),
            name = short(name)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_of_the_machine_is_rejected() {
        for name in [
            "net.ipv4.ip_forward",
            "net.core.somaxconn",
            "kernel.shmmax",
            "fs.mqueue.msg_max",
        ] {
            check(name, "1").unwrap();
        }
        for name in [
            "",
            "vm.swappiness",
            "kernel.hostname",
            "kernel.core_pattern",
            "net.",
            "net.a b",
            "net.../x",
        ] {
            let error = check(name, "1").unwrap_err().to_string();
            assert!(error.contains("net.*"), "{name}: {error}");
        }
        check("net.ipv4.ip_forward", " ").unwrap_err();
    }
}
