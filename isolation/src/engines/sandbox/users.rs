//! The user namespace of a sandbox, and with it the network.

use super::first_process::Process;
use super::identity::Identity;

/// The users of a sandbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Users {
    pub(super) identity: Identity,
    /// The first process of another sandbox with the same users, in whose user namespace and
    /// network it starts; without one, it gets new ones.
    pub(super) joined: Option<Process>,
}

impl Users {
    pub(super) fn new(identity: Identity) -> Self {
        Self::joining(identity, None)
    }

    pub(super) fn joining(identity: Identity, joined: Option<Process>) -> Self {
        Self { identity, joined }
    }

    /// The words before `bwrap`, which enter the namespaces of the other sandbox.
    pub(super) fn entering(self) -> String {
        let enter = |other: Process| format!("nsenter -t {} -U -n --preserve-credentials ", other.pid());
        self.joined.map_or(String::new(), enter)
    }
}
