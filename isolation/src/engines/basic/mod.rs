//! The engine without requirements: a temporary directory and child processes on this machine.
//!
//! It separates tests, but it does not contain hostile code: a command sees the machine's files,
//! processes and network. An environment has its own directory with permissions 0700, which is the
//! root of its paths, and a `HOME` and a `TMPDIR` in it. Of the caller's environment variables, a
//! command gets only `PATH`. It gets two more: `ISOLATION_ENVIRONMENT` is the ID,
//! `ISOLATION_ROOT` the directory. It has its own process group, by which it is killed with all its
//! child processes.
//!
//! ```no_run
//! use isolation::engines::basic::BasicEngine;
//! use isolation::{Command, Engine, EnvironmentSpec};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let environment = BasicEngine::below("/var/tmp").create(EnvironmentSpec::default()).await?;
//! environment.start().await?;
//! println!("{}", environment.run(Command::shell("pwd")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod capabilities;
mod instance;

use std::path::{Path, PathBuf};

use crate::BoxFuture;
use crate::engine::capabilities::Capabilities;
use crate::engine::{Availability, Engine};
use crate::engines::host::directory::Directory;
use crate::engines::host::marked_processes;
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

use capabilities::capabilities;
use instance::BasicEnvironment;

/// The name under which the engine is registered.
pub const NAME: &str = "basic";

/// The environment variable by which the processes of an environment are found.
pub(crate) const MARK: &str = "ISOLATION_ENVIRONMENT";

/// The engine without requirements: see [the module](self).
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
    /// Creates an engine that uses the system's directory for temporary files.
    pub fn new() -> Self {
        Self::below(std::env::temp_dir())
    }

    /// Creates an engine that uses this directory, which must exist.
    pub fn below(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    /// The directory in which it creates its directories.
    pub fn base(&self) -> &Path {
        &self.base
    }
}

impl Engine for BasicEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn availability(&self) -> BoxFuture<'_, Availability> {
        let available = match Directory::probe(&self.base) {
            Ok(()) => Availability::Available {
                detail: format!("directories in {}", self.base.display()),
            },
            Err(error) => Availability::Unavailable {
                reason: format!("cannot create a directory in {}: {error}", self.base.display()),
                hint: "set TMPDIR to a writable directory".to_owned(),
            },
        };
        Box::pin(std::future::ready(available))
    }

    fn create(&self, spec: EnvironmentSpec) -> BoxFuture<'_, Result<Box<dyn Environment>>> {
        Box::pin(async move {
            spec.validate()?;
            let name = spec.name.clone().unwrap_or_default();
            let during = |error: Error| error.during("create the environment", &name);
            self.capabilities()
                .check(NAME, &spec.required_features())
                .map_err(during)?;
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
            instance::blocking(move || {
                marked_processes::kill_all(&id);
                directory.remove()
            })
            .await
            .map_err(during)
        })
    }
}
