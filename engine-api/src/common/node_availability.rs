//! Whether a node takes tasks.

use crate::wire::json::open_enum;

/// Whether a node takes tasks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeAvailability {
    /// It does.
    Active,
    /// It keeps those that it has.
    Pause,
    /// It does not, and those that it has move elsewhere.
    Drain,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(NodeAvailability {
    Active = "active",
    Pause = "pause",
    Drain = "drain",
});
