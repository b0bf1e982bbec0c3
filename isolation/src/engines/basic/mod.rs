//! The engine that needs nothing: a private directory, and child processes with a clean environment.
//!
//! It keeps tests apart; it does not contain what is hostile. A command sees the machine's files,
//! processes and network. What it gets of its own: a directory with permissions 0700 that is the root of its
//! paths, a `HOME` and a `TMPDIR` in it, variables of which only `PATH` comes from the caller, and a
//! process group, by which everything it starts is killed. Two more variables tell it where it is:
//! `ISOLATION_ENVIRONMENT` is the id, `ISOLATION_ROOT` the directory.
//!
//! ```no_run
//! use isolation::engines::basic::BasicEngine;
//! use isolation::{Command, Engine, EnvironmentSpec};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let environment = BasicEngine::below("/var/tmp").create(EnvironmentSpec::default()).await?;
//! environment.activate().await?;
//! println!("{}", environment.run(Command::shell("pwd")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod copy;
mod directory;
mod environment;
mod groups;
mod paths;
mod process;
mod stragglers;

use std::path::{Path, PathBuf};

use crate::BoxFuture;
use crate::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::{Availability, Engine};
use crate::environment::{Environment, EnvironmentSummary};
use crate::error::{Error, Result};
use crate::id::EnvironmentId;
use crate::spec::EnvironmentSpec;

use directory::Directory;
use environment::BasicEnvironment;

/// The name under which the engine is registered.
pub const NAME: &str = "basic";

/// The variable by which the processes of an environment are known.
pub(crate) const MARK: &str = "ISOLATION_ENVIRONMENT";

/// The engine that needs nothing: see [the module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicEngine {
    base: PathBuf,
}

impl Default for BasicEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl BasicEngine {
    /// An engine that makes its directories where the system keeps temporary files.
    pub fn new() -> Self {
        Self::below(std::env::temp_dir())
    }

    /// An engine that makes its directories in this one, which must exist.
    pub fn below(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    /// The directory in which it makes its directories.
    pub fn base(&self) -> &Path {
        &self.base
    }
}

impl Engine for BasicEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        use Feature::{CopyIn, CopyOut, CpuLimit, Images, MemoryLimit, Mounts, NetworkIsolation};
        use Feature::{PidsLimit, ReadOnlyMounts, Snapshots, Stdin, Tty};
        // The limits of a process (`ulimit`) count address space and per-user processes, one process at
        // a time: passing them off as limits of the environment would be a lie.
        let limit = "a process group has no limits of its own";
        let mount = "a directory cannot be mounted without privileges; copy it in";
        Capabilities::new(IsolationLevel::Process)
            .with([CopyIn, CopyOut, Stdin])
            .without(Images, "commands run on the machine's own programs")
            .without(MemoryLimit, limit)
            .without(CpuLimit, limit)
            .without(PidsLimit, limit)
            .without(Mounts, mount)
            .without(ReadOnlyMounts, mount)
            .without(NetworkIsolation, "commands use the machine's network")
            .without(Tty, "commands run on pipes")
            .without(Snapshots, "not built yet")
    }

    fn availability(&self) -> BoxFuture<'_, Availability> {
        let available = match Directory::probe(&self.base) {
            Ok(()) => Availability::Available {
                detail: format!("directories in {}", self.base.display()),
            },
            Err(error) => Availability::Unavailable {
                reason: format!("cannot make a directory in {}: {error}", self.base.display()),
                hint: "set TMPDIR to a directory that can be written".to_owned(),
            },
        };
        Box::pin(std::future::ready(available))
    }

    fn create(&self, spec: EnvironmentSpec) -> BoxFuture<'_, Result<Box<dyn Environment>>> {
        Box::pin(async move {
            spec.validate()?;
            let on = spec.name.clone().unwrap_or_else(|| "without a name".to_owned());
            let during = |error: Error| error.during("create the environment", &on);
            self.capabilities().check(NAME, &spec.needs()).map_err(during)?;
            let made = BasicEnvironment::create(&self.base, spec).await.map_err(during)?;
            Ok(Box::new(made) as Box<dyn Environment>)
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(std::future::ready(Directory::list(&self.base)))
    }

    fn destroy<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let during = |error: Error| error.during("destroy the environment", id.as_str());
            let directory = Directory::find(&self.base, id).map_err(during)?;
            let id = id.clone();
            environment::blocking(move || {
                stragglers::kill_all(&id);
                directory.remove()
            })
            .await
            .map_err(during)
        })
    }
}
