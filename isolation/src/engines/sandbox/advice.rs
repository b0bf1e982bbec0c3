//! The meaning of the messages of `bwrap`, and the advice for people.

use super::NAME;
use crate::error::{Error, ErrorKind};

/// Why no sandbox can be started here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) reason: String,
    pub(super) hint: String,
}

/// Where environments of a container are refused.
const CONTAINER: &str = "in a container, start it with `docker run --security-opt seccomp=unconfined \
                         --security-opt systempaths=unconfined`; otherwise use another engine";

/// The profile that allows user namespaces to `bwrap`.
const APPARMOR: &str = "write `abi <abi/4.0>, include <tunables/global> profile bwrap /usr/bin/bwrap \
                        flags=(unconfined) { userns, }` to /etc/apparmor.d/bwrap and run \
                        `apparmor_parser -r /etc/apparmor.d/bwrap`, or set the sysctl \
                        kernel.apparmor_restrict_unprivileged_userns to 0";

/// A part of a message, the reason, and the hint.
const TABLE: [(&str, &str, &str); 9] = [
    (
        "No permissions to create new namespace",
        "the kernel does not allow user namespaces to this user",
        "set the sysctl user.max_user_namespaces to a number, and kernel.unprivileged_userns_clone to 1 \
         where it exists; in a container, start it with `docker run --security-opt seccomp=unconfined \
         --security-opt systempaths=unconfined`",
    ),
    (
        "No permissions to creating new namespace",
        "the kernel does not allow user namespaces to this user",
        "set the sysctl user.max_user_namespaces to a number, and kernel.unprivileged_userns_clone to 1 \
         where it exists; in a container, start it with `docker run --security-opt seccomp=unconfined \
         --security-opt systempaths=unconfined`",
    ),
    (
        "Creating new namespace failed: No space left on device",
        "the limit of user namespaces is reached",
        "raise the sysctl user.max_user_namespaces",
    ),
    (
        "Creating new namespace failed",
        "namespaces are refused",
        CONTAINER,
    ),
    (
        "Can't mount proc on",
        "no /proc can be mounted, because a part of the one outside is hidden",
        CONTAINER,
    ),
    ("pivot_root", "the root cannot be changed", CONTAINER),
    (
        "setting up uid map: Permission denied",
        "AppArmor restricts user namespaces",
        APPARMOR,
    ),
    (
        "loopback: Failed RTM_NEWADDR",
        "AppArmor restricts user namespaces",
        APPARMOR,
    ),
    (
        "uid_map",
        "the users cannot be mapped",
        "run as an ordinary user, or with all capabilities of root",
    ),
];

/// The advice for a message; a message that is not known is its own reason.
pub(super) fn advice(message: &str) -> Advice {
    let known = TABLE.iter().find(|(part, ..)| message.contains(part));
    let line = message.lines().next().unwrap_or("bwrap printed nothing");
    match known {
        Some((_, reason, hint)) => Advice {
            reason: format!("{reason} ({line})"),
            hint: (*hint).to_owned(),
        },
        None => Advice {
            reason: format!("no sandbox can be started ({line})"),
            hint: "see whether `bwrap --unshare-all --ro-bind / / true` runs".to_owned(),
        },
    }
}

/// No overlay could be mounted, for this reason.
#[derive(Debug, thiserror::Error)]
#[error("the overlay cannot be mounted: {0}")]
struct NoOverlay(String);

/// Why no overlay could be mounted, if that is the reason of an error.
pub(super) fn no_overlay(error: &Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    Some(source.downcast_ref::<NoOverlay>()?.0.clone())
}

/// The error of a sandbox that was not ready.
pub(super) fn error(message: &str) -> Error {
    if message.lines().any(|line| line == "isolate-no-overlay") {
        let reason = message.lines().next().unwrap_or_default();
        return Error::engine(NAME, NoOverlay(reason.to_owned()));
    }
    if let Some(target) = message
        .lines()
        .find_map(|line| line.strip_prefix("isolate-link:"))
    {
        return Error::invalid(format!(
            "cannot mount {target}: a part of it is a link in the environment; remove the link"
        ));
    }
    let line = message.lines().next().unwrap_or("bwrap printed nothing");
    if line.contains("Can't find source path") || line.contains("Can't create file at") {
        return Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a mount cannot be made ({line}); the root of the environment must be able to enter the \
                 directories above its source"
            ),
        );
    }
    let advice = advice(message);
    Error::unavailable(NAME, advice.reason, advice.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_message_has_its_advice() {
        for (message, reason, hint) in [
            (
                "bwrap: No permissions to create new namespace, likely because the kernel does not allow \
                 non-privileged user namespaces.",
                "does not allow user namespaces",
                "user.max_user_namespaces",
            ),
            (
                "bwrap: Creating new namespace failed: Operation not permitted",
                "namespaces are refused",
                "seccomp=unconfined",
            ),
            (
                "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
                "no /proc can be mounted",
                "systempaths=unconfined",
            ),
            (
                "bwrap: pivot_root: Operation not permitted",
                "the root cannot be changed",
                "another engine",
            ),
            (
                "bwrap: setting up uid map: Permission denied",
                "AppArmor",
                "/etc/apparmor.d/bwrap",
            ),
            (
                "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
                "AppArmor",
                "userns,",
            ),
            ("bwrap: something new", "something new", "bwrap --unshare-all"),
            ("", "printed nothing", "bwrap --unshare-all"),
        ] {
            let found = advice(message);
            assert!(found.reason.contains(reason), "{message}: {found:?}");
            assert!(found.hint.contains(hint), "{message}: {found:?}");
            assert_eq!(error(message).kind(), ErrorKind::Unavailable, "{message}");
        }
        let overlay = error("mount: root: permission denied.\nisolate-no-overlay\n");
        assert_eq!(no_overlay(&overlay).unwrap(), "mount: root: permission denied.");
        assert_eq!(no_overlay(&error("bwrap: x")), None);
        let link = error("isolate-link:/proc\n");
        assert!(link.to_string().contains("cannot mount /proc"), "{link}");
        let mount = error("bwrap: Can't find source path /x: Permission denied");
        assert_eq!(mount.kind(), ErrorKind::InvalidInput);
    }
}
