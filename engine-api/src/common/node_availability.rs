//! Whether a node accepts tasks.

use crate::wire::json::open_enum;

/// Whether a node accepts tasks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeAvailability {
    /// It does.
    Active,
    /// It accepts no new tasks, and keeps its running tasks.
    Pause,
    /// It accepts no new tasks, and its running tasks move to other nodes.
    Drain,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(NodeAvailability {
    Active = "active",
    Pause = "pause",
    Drain = "drain",
});
