//! The specification of an environment.

pub(crate) mod mount;
pub(crate) mod units;
pub(crate) mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use self::mount::Mount;
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};

/// The specification of an environment. Every engine can create the default one.
///
/// ```
/// use isolation::{EnvironmentSpec, ResourceLimits};
///
/// let spec = EnvironmentSpec {
///     image: Some("busybox".into()),
///     env: [("MODE".to_owned(), "test".to_owned())].into(),
///     limits: ResourceLimits { memory: Some(256 << 20), ..ResourceLimits::default() },
///     ..EnvironmentSpec::default()
/// };
/// assert!(spec.validate().is_ok());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct EnvironmentSpec {
    /// The name for people. Without one, the engine makes a name from the ID. It is not an
    /// identity: two environments may have the same name.
    pub name: Option<String>,
    /// The image, for engines that support images.
    pub image: Option<String>,
    /// Environment variables of every command. None is inherited from the caller's process.
    pub env: BTreeMap<String, String>,
    /// The working directory of commands, created if missing. By default the engine chooses one.
    pub working_dir: Option<String>,
    /// Files and directories of the host that are bind-mounted.
    pub mounts: Vec<Mount>,
    /// Files and directories of the host that are copied in at creation.
    pub copies: Vec<CopyIn>,
    /// The resource limits.
    pub limits: ResourceLimits,
    /// Labels on everything that the engine creates for the environment.
    pub labels: BTreeMap<String, String>,
    /// The owner, for people who share a machine or a Docker daemon.
    pub owner: Option<String>,
    /// The session; the environments of one manager have the same session.
    pub session: Option<String>,
}

/// A file or directory of the host that is copied in at creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyIn {
    /// The path on the host.
    pub source: PathBuf,
    /// The path of the copy, as in [`Environment::copy_in`](crate::Environment::copy_in).
    pub target: String,
}

/// Resource limits of an environment; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceLimits {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// CPUs; 0.5 is half of one CPU.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl EnvironmentSpec {
    /// Rejects a specification that no engine can create: blank names, invalid environment
    /// variables, missing sources, limits of 0. Engines call it before any work.
    pub fn validate(&self) -> Result<()> {
        let name = self.name.as_deref().unwrap_or_default();
        self.check().map_err(|e| e.during("create the environment", name))
    }

    fn check(&self) -> Result<()> {
        if let Some(name) = &self.name {
            validate::name(name)?;
        }
        if let Some(image) = &self.image {
            validate::text("the image", image)?;
        }
        validate::variables(&self.env)?;
        if let Some(working_dir) = &self.working_dir {
            validate::text("the working directory", working_dir)?;
        }
        self.mounts.iter().try_for_each(Mount::check)?;
        for copy in &self.copies {
            validate::source("the source of a copy", &copy.source)?;
            validate::text("the target of a copy", &copy.target)?;
        }
        self.limits.check()?;
        for (key, value) in &self.labels {
            validate::text("the key of a label", key)?;
            validate::no_nul("the value of a label", value)?;
        }
        for (what, text) in [("the owner", &self.owner), ("the session", &self.session)] {
            text.as_deref()
                .map_or(Ok(()), |text| validate::text(what, text))?;
        }
        Ok(())
    }

    /// The features that an engine needs for this environment.
    pub fn required_features(&self) -> BTreeSet<Feature> {
        let read_only = self.mounts.iter().any(|mount| mount.read_only);
        [
            (self.image.is_some(), Feature::Images),
            (self.limits.memory.is_some(), Feature::MemoryLimit),
            (self.limits.cpus.is_some(), Feature::CpuLimit),
            (self.limits.pids.is_some(), Feature::PidsLimit),
            (!self.mounts.is_empty(), Feature::Mounts),
            (read_only, Feature::ReadOnlyMounts),
            (!self.copies.is_empty(), Feature::CopyIn),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
        .collect()
    }
}

impl ResourceLimits {
    fn check(&self) -> Result<()> {
        if self.memory == Some(0) || self.pids == Some(0) {
            let why = "a limit must be greater than 0; omit it for no limit";
            return Err(Error::invalid(why));
        }
        match self.cpus {
            Some(cpus) if !cpus.is_finite() || cpus <= 0.0 => {
                let why = format!("{cpus} is not a number of CPUs; write 0.5, 1, 2 …");
                Err(Error::invalid(why))
            }
            _ => Ok(()),
        }
    }
}

/// Prints the names of environment variables but never their values, which may be secret.
pub(crate) struct Hidden<'a>(pub(crate) &'a BTreeMap<String, String>);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.0.keys().map(|name| (name, "***"));
        f.debug_map().entries(hidden).finish()
    }
}

impl fmt::Debug for EnvironmentSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentSpec")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("env", &Hidden(&self.env))
            .field("working_dir", &self.working_dir)
            .field("mounts", &self.mounts)
            .field("copies", &self.copies)
            .field("limits", &self.limits)
            .field("labels", &self.labels)
            .field("owner", &self.owner)
            .field("session", &self.session)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(spec: &EnvironmentSpec) -> String {
        spec.validate().unwrap_err().to_string()
    }

    #[test]
    fn invalid_specification_is_rejected() {
        let spec = EnvironmentSpec::default;
        let pair = |k: &str, v: &str| [(k.to_owned(), v.to_owned())].into();
        assert!(
            rejected(&EnvironmentSpec {
                name: Some("  ".into()),
                ..spec()
            })
            .contains("name")
        );
        assert!(
            rejected(&EnvironmentSpec {
                name: Some("../x".into()),
                ..spec()
            })
            .contains("name")
        );
        assert!(
            rejected(&EnvironmentSpec {
                image: Some("".into()),
                ..spec()
            })
            .contains("image")
        );
        assert!(
            rejected(&EnvironmentSpec {
                env: pair("", "x"),
                ..spec()
            })
            .contains("variable")
        );
        assert!(
            rejected(&EnvironmentSpec {
                env: pair("A=B", "x"),
                ..spec()
            })
            .contains("A=B")
        );
        assert!(
            rejected(&EnvironmentSpec {
                env: pair("A", "x\0"),
                ..spec()
            })
            .contains("NUL")
        );
        assert!(
            rejected(&EnvironmentSpec {
                working_dir: Some("a\0b".into()),
                ..spec()
            })
            .contains("NUL")
        );
        let copies = vec![CopyIn {
            source: "/no/such/file".into(),
            target: "x".into(),
        }];
        assert!(rejected(&EnvironmentSpec { copies, ..spec() }).contains("/no/such/file"));
        let mount = |source: &str, target: &str| {
            let mount = Mount {
                source: source.into(),
                target: target.into(),
                read_only: false,
            };
            EnvironmentSpec {
                mounts: vec![mount],
                ..spec()
            }
        };
        assert!(rejected(&mount("/", "relative")).contains("absolute"));
        assert!(rejected(&mount("/", "/")).contains("below /"));
        for cpus in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let limits = ResourceLimits {
                cpus: Some(cpus),
                ..ResourceLimits::default()
            };
            assert!(rejected(&EnvironmentSpec { limits, ..spec() }).contains("CPUs"));
        }
        let limits = ResourceLimits {
            memory: Some(0),
            ..ResourceLimits::default()
        };
        assert!(rejected(&EnvironmentSpec { limits, ..spec() }).contains("greater than 0"));
    }

    #[test]
    fn variable_values_are_not_printed() {
        let env = [("TOKEN".to_owned(), "hunter2".to_owned())].into();
        let printed = format!(
            "{:?}",
            EnvironmentSpec {
                env,
                ..EnvironmentSpec::default()
            }
        );
        assert!(
            printed.contains("TOKEN") && !printed.contains("hunter2"),
            "{printed}"
        );
    }

    #[test]
    fn needs_follow_the_specification() {
        assert!(EnvironmentSpec::default().required_features().is_empty());
        let mounts = vec![Mount {
            source: "/".into(),
            target: "/x".into(),
            read_only: true,
        }];
        let limits = ResourceLimits {
            pids: Some(9),
            ..ResourceLimits::default()
        };
        let spec = EnvironmentSpec {
            mounts,
            limits,
            ..EnvironmentSpec::default()
        };
        let expected = [Feature::PidsLimit, Feature::Mounts, Feature::ReadOnlyMounts];
        assert_eq!(spec.required_features(), expected.into());
    }
}
