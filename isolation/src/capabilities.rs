//! What an engine can do, said before the work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

/// Something that one engine can do and another cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// Start from an image.
    Images,
    /// Limit the memory of the environment.
    MemoryLimit,
    /// Limit its processor time.
    CpuLimit,
    /// Limit its number of processes.
    PidsLimit,
    /// Show folders and files of the host inside.
    Mounts,
    /// Show them so that they cannot be written.
    ReadOnlyMounts,
    /// Keep its network apart from the host's.
    NetworkIsolation,
    /// Copy files and folders in.
    CopyIn,
    /// Copy files and folders out.
    CopyOut,
    /// Write to the standard input of commands.
    Stdin,
    /// Run commands on a terminal.
    Tty,
    /// Save its state, and make it again from what was saved.
    Snapshots,
}

impl Feature {
    /// Every feature, in the order of tables.
    pub const ALL: [Self; 12] = [
        Self::Images,
        Self::MemoryLimit,
        Self::CpuLimit,
        Self::PidsLimit,
        Self::Mounts,
        Self::ReadOnlyMounts,
        Self::NetworkIsolation,
        Self::CopyIn,
        Self::CopyOut,
        Self::Stdin,
        Self::Tty,
        Self::Snapshots,
    ];
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::MemoryLimit => "memory limit",
            Self::CpuLimit => "processor limit",
            Self::PidsLimit => "process limit",
            Self::Mounts => "mounts",
            Self::ReadOnlyMounts => "read-only mounts",
            Self::NetworkIsolation => "network isolation",
            Self::CopyIn => "copying in",
            Self::CopyOut => "copying out",
            Self::Stdin => "standard input",
            Self::Tty => "terminals",
            Self::Snapshots => "snapshots",
        })
    }
}

/// How far an environment is kept apart from the machine, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IsolationLevel {
    /// A process of the machine, with a folder and variables of its own. It sees the machine's files,
    /// processes and network: this keeps tests apart, it does not contain what is hostile.
    Process,
    /// A container: its own files, processes and network on the machine's kernel.
    Container,
    /// A machine of its own.
    VirtualMachine,
}

impl fmt::Display for IsolationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Container => "container",
            Self::VirtualMachine => "virtual machine",
        })
    }
}

/// A feature that is missing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// What is missing.
    pub feature: Feature,
    /// Why the engine has it not, in a few words.
    pub reason: String,
}

/// A feature that two engines do not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The feature.
    pub feature: Feature,
    /// Whether the first engine has it; the second then has it not.
    pub first_has_it: bool,
}

/// What an engine can do. What is not said to be there is lacking.
///
/// ```
/// use isolation::{Capabilities, Feature, IsolationLevel};
///
/// let engine = Capabilities::new(IsolationLevel::Container)
///     .with([Feature::Images, Feature::Stdin])
///     .without(Feature::CpuLimit, "the kernel has no CFS quota");
/// assert!(engine.has(Feature::Images));
/// assert_eq!(engine.reason(Feature::CpuLimit), Some("the kernel has no CFS quota"));
/// assert_eq!(engine.reason(Feature::Tty), Some("not part of this engine"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    isolation: IsolationLevel,
    features: BTreeSet<Feature>,
    lacking: BTreeMap<Feature, String>,
}

impl Capabilities {
    /// An engine that has no feature yet.
    pub fn new(isolation: IsolationLevel) -> Self {
        let reason = |feature| (feature, "not part of this engine".to_owned());
        Self {
            isolation,
            features: BTreeSet::new(),
            lacking: Feature::ALL.into_iter().map(reason).collect(),
        }
    }

    /// The same engine with these features.
    #[must_use]
    pub fn with(mut self, features: impl IntoIterator<Item = Feature>) -> Self {
        for feature in features {
            self.lacking.remove(&feature);
            self.features.insert(feature);
        }
        self
    }

    /// The same engine without this feature, for a reason.
    #[must_use]
    pub fn without(mut self, feature: Feature, reason: impl Into<String>) -> Self {
        self.features.remove(&feature);
        self.lacking.insert(feature, reason.into());
        self
    }

    /// How far environments are kept apart from the machine.
    pub fn isolation(&self) -> IsolationLevel {
        self.isolation
    }

    /// Whether the engine has the feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Why the engine lacks the feature; `None` when it has it.
    pub fn reason(&self, feature: Feature) -> Option<&str> {
        self.lacking.get(&feature).map(String::as_str)
    }

    /// What is missing of these needs, such as [`EnvironmentSpec::needs`](crate::EnvironmentSpec::needs).
    pub fn lacks(&self, needs: &BTreeSet<Feature>) -> Vec<Lack> {
        let lack = |feature: &Feature| {
            let reason = self.reason(*feature)?.to_owned();
            Some(Lack {
                feature: *feature,
                reason,
            })
        };
        needs.iter().filter_map(lack).collect()
    }

    /// Fails with everything that `engine`, whose capabilities these are, lacks of the needs.
    pub fn check(&self, engine: &str, needs: &BTreeSet<Feature>) -> crate::Result<()> {
        match self.lacks(needs) {
            lacks if lacks.is_empty() => Ok(()),
            lacks => Err(crate::Error::unsupported(engine, lacks)),
        }
    }

    /// The features that only one of the two has.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let differs = |feature: &Feature| self.has(*feature) != other.has(*feature);
        let difference = |feature| Difference {
            feature,
            first_has_it: self.has(feature),
        };
        Feature::ALL.into_iter().filter(differs).map(difference).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_either_there_or_lacking_with_a_reason() {
        let some = Capabilities::new(IsolationLevel::Process)
            .with([Feature::Stdin, Feature::Tty])
            .without(Feature::Tty, "taken back");
        for feature in Feature::ALL {
            assert_eq!(some.has(feature), some.reason(feature).is_none(), "{feature}");
        }
        assert_eq!(some.reason(Feature::Tty), Some("taken back"));
    }

    #[test]
    fn a_check_names_everything_that_is_missing_at_once() {
        let none = Capabilities::new(IsolationLevel::Process);
        let error = none
            .check("bare", &[Feature::Images, Feature::Stdin].into())
            .unwrap_err();
        let lacks: Vec<_> = error.lacks().iter().map(|lack| lack.feature).collect();
        assert_eq!(lacks, [Feature::Images, Feature::Stdin]);
    }

    #[test]
    fn a_comparison_shows_what_only_one_has() {
        let first = Capabilities::new(IsolationLevel::Process).with([Feature::Stdin, Feature::CopyIn]);
        let second = Capabilities::new(IsolationLevel::Container).with([Feature::Stdin, Feature::Images]);
        let shown: Vec<_> = first
            .differences(&second)
            .iter()
            .map(|d| (d.feature, d.first_has_it))
            .collect();
        assert_eq!(shown, [(Feature::Images, false), (Feature::CopyIn, true)]);
        assert!(first.isolation() < second.isolation());
    }
}
