//! Isolation of containers on Windows.

use crate::wire::json::open_enum;

/// How a container is kept apart from the host (Windows).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// As the engine likes.
    Default,
    /// By namespaces, on the host's kernel.
    Process,
    /// In a virtual machine.
    Hyperv,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(Isolation {
    Default = "default",
    Process = "process",
    Hyperv = "hyperv",
});
