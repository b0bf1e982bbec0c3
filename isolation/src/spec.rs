//! What an environment should be, before it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::capabilities::Feature;
use crate::error::{Error, Result};
use crate::validate;

/// What an environment should be. The default asks for nothing, and every engine can make it.
///
/// ```
/// use isolation::{EnvironmentSpec, Limits};
///
/// let spec = EnvironmentSpec {
///     image: Some("busybox".into()),
///     env: [("MODE".to_owned(), "test".to_owned())].into(),
///     limits: Limits { memory: Some(256 << 20), ..Limits::default() },
///     ..EnvironmentSpec::default()
/// };
/// assert!(spec.validate().is_ok());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct EnvironmentSpec {
    /// What people call it; the engine makes a name from the id when there is none. Not an identity:
    /// two environments may have the same name.
    pub name: Option<String>,
    /// The image it starts from, on engines that have images.
    pub image: Option<String>,
    /// Environment variables of every command. Nothing is inherited from the caller's process.
    pub env: BTreeMap<String, String>,
    /// The directory in which commands start; it is made when missing. The engine chooses when there is none.
    pub working_dir: Option<String>,
    /// Directories and files of the host that are visible inside.
    pub mounts: Vec<Mount>,
    /// Files and directories of the host that are copied in when the environment is created.
    pub copies: Vec<CopyIn>,
    /// How much it may use.
    pub limits: Limits,
    /// Labels on everything that the engine makes for it.
    pub labels: BTreeMap<String, String>,
    /// Who it belongs to; for people who share a machine or an engine.
    pub owner: Option<String>,
    /// The session it belongs to: what one manager made is cleaned up together.
    pub session: Option<String>,
}

/// A directory or file of the host that is visible inside an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// An absolute path on the host.
    pub source: PathBuf,
    /// An absolute path in the environment.
    pub target: String,
    /// Whether the environment may only read it.
    pub read_only: bool,
}

/// A file or directory of the host that is copied in when an environment is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyIn {
    /// The path on the host.
    pub source: PathBuf,
    /// The path that the copy gets, as in [`Environment::copy_in`](crate::Environment::copy_in).
    pub target: String,
}

/// How much an environment may use; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Processors; 0.5 is half of one.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl EnvironmentSpec {
    /// Refuses what no engine could make: blank names, broken variables, sources that do not exist,
    /// limits of nothing. Engines call it before any work.
    pub fn validate(&self) -> Result<()> {
        let on = self.name.as_deref().unwrap_or("without a name");
        self.check().map_err(|e| e.during("create the environment", on))
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

    /// The features that an engine needs for it.
    pub fn needs(&self) -> BTreeSet<Feature> {
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

impl Mount {
    fn check(&self) -> Result<()> {
        validate::source("the source of a mount", &self.source)?;
        validate::text("the target of a mount", &self.target)?;
        if !self.source.is_absolute() {
            let source = self.source.display();
            return Err(Error::invalid(format!(
                "the source of a mount must be absolute, not {source}"
            )));
        }
        if !self.target.starts_with('/') || self.target.trim_matches('/').is_empty() {
            let why = format!(
                "the target of a mount must be an absolute path below /, not {:?}",
                self.target
            );
            return Err(Error::invalid(why));
        }
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<()> {
        if self.memory == Some(0) || self.pids == Some(0) {
            let why = "a limit of 0 leaves nothing to run with; leave the limit out for none";
            return Err(Error::invalid(why));
        }
        match self.cpus {
            Some(cpus) if !cpus.is_finite() || cpus <= 0.0 => {
                let why = format!("{cpus} is not a number of processors; write 0.5, 1, 2 …");
                Err(Error::invalid(why))
            }
            _ => Ok(()),
        }
    }
}

/// Prints the names of variables, never their values: they are where secrets are handed over.
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

    fn refused(spec: &EnvironmentSpec) -> String {
        spec.validate().unwrap_err().to_string()
    }

    #[test]
    fn what_no_engine_could_make_is_refused_by_name() {
        let spec = EnvironmentSpec::default;
        let pair = |k: &str, v: &str| [(k.to_owned(), v.to_owned())].into();
        assert!(
            refused(&EnvironmentSpec {
                name: Some("  ".into()),
                ..spec()
            })
            .contains("name")
        );
        assert!(
            refused(&EnvironmentSpec {
                name: Some("../x".into()),
                ..spec()
            })
            .contains("name")
        );
        assert!(
            refused(&EnvironmentSpec {
                image: Some("".into()),
                ..spec()
            })
            .contains("image")
        );
        assert!(
            refused(&EnvironmentSpec {
                env: pair("", "x"),
                ..spec()
            })
            .contains("variable")
        );
        assert!(
            refused(&EnvironmentSpec {
                env: pair("A=B", "x"),
                ..spec()
            })
            .contains("A=B")
        );
        assert!(
            refused(&EnvironmentSpec {
                env: pair("A", "x\0"),
                ..spec()
            })
            .contains("NUL")
        );
        assert!(
            refused(&EnvironmentSpec {
                working_dir: Some("a\0b".into()),
                ..spec()
            })
            .contains("NUL")
        );
        let copies = vec![CopyIn {
            source: "/no/such/file".into(),
            target: "x".into(),
        }];
        assert!(refused(&EnvironmentSpec { copies, ..spec() }).contains("/no/such/file"));
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
        assert!(refused(&mount("/", "relative")).contains("absolute"));
        assert!(refused(&mount("/", "/")).contains("below /"));
        for cpus in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let limits = Limits {
                cpus: Some(cpus),
                ..Limits::default()
            };
            assert!(refused(&EnvironmentSpec { limits, ..spec() }).contains("processors"));
        }
        let limits = Limits {
            memory: Some(0),
            ..Limits::default()
        };
        assert!(refused(&EnvironmentSpec { limits, ..spec() }).contains("limit of 0"));
    }

    #[test]
    fn a_secret_in_a_variable_is_not_printed() {
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
    fn needs_follow_what_is_asked_for() {
        assert!(EnvironmentSpec::default().needs().is_empty());
        let mounts = vec![Mount {
            source: "/".into(),
            target: "/x".into(),
            read_only: true,
        }];
        let limits = Limits {
            pids: Some(9),
            ..Limits::default()
        };
        let spec = EnvironmentSpec {
            mounts,
            limits,
            ..EnvironmentSpec::default()
        };
        let expected = [Feature::PidsLimit, Feature::Mounts, Feature::ReadOnlyMounts];
        assert_eq!(spec.needs(), expected.into());
    }
}
