//! Isolation of containers on Windows.

use crate::wire::json::open_enum;

/// How a container is isolated from the host (Windows).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// The engine's default.
    Default,
    /// By namespaces, on the host's kernel.
    Process,
    /// In a virtual machine.
    Hyperv,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(Isolation {
    Default = "default",
    Process = "process",
    Hyperv = "hyperv",
});
