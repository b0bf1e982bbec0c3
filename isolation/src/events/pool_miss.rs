//! Why an environment did not come from the pool.

use serde::{Deserialize, Serialize};

/// Why an environment was created instead of being taken from the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PoolMiss {
    /// No environment was prepared for this specification and this version of its image.
    FirstUse,
    /// All prepared environments were in use, and the next one was not ready.
    Empty,
    /// The prepared environments had ended, or were no longer ready.
    Unusable,
    /// The prepared environments have an earlier image: its name is that of another one now.
    ImageChanged,
    /// The engine does not prepare environments, or pulls the image before each one.
    Engine,
    /// It is kept, or shared with other processes.
    Lifetime,
    /// Its files are copied from this host, where they may change.
    Copies,
    /// It publishes a fixed port of the host, which only one environment can have.
    FixedPort,
    /// It has a name, which only one environment can have.
    Name,
    /// It has aliases on a network, which other containers could reach before the environment is in
    /// use.
    Aliases,
    /// Its main process could write to files that other environments use.
    SharedFiles,
}

impl PoolMiss {
    /// Why such an environment is not prepared, with a hint.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::FirstUse => "nothing was prepared yet",
            Self::Empty => "all were taken",
            Self::Unusable => "they have ended",
            Self::ImageChanged => "their image is outdated",
            Self::Engine => "the engine does not prepare environments, or always pulls the image",
            Self::Lifetime => "it is kept or shared; use the lifetime of its owner",
            Self::Copies => "its files are copied from this host; copy them after the creation",
            Self::FixedPort => "it has a fixed port of the host; let the engine choose one",
            Self::Name => "it has a name; leave it out",
            Self::Aliases => "it has aliases on a network; remove them",
            Self::SharedFiles => "its main process can write to a mount; mount it read-only",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_that_a_user_can_change_has_a_hint() {
        for (name, hint) in [
            ("first_use", false),
            ("empty", false),
            ("unusable", false),
            ("image_changed", false),
            ("engine", false),
            ("lifetime", true),
            ("copies", true),
            ("fixed_port", true),
            ("name", true),
            ("aliases", true),
            ("shared_files", true),
        ] {
            let miss: PoolMiss = serde_json::from_value(name.into()).unwrap();
            let text = miss.explain();
            assert_eq!(text.contains("; "), hint, "{name}: {text}");
        }
    }
}
