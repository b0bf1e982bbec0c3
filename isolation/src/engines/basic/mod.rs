//! The engine without requirements: a temporary directory and child processes on this machine.
//!
//! It separates tests, but it does not contain hostile code: a command sees the machine's files,
//! processes and network. An environment has its own directory with permissions 0700, which is the
//! root of its paths, and a `HOME` and a `TMPDIR` in it. Of the caller's environment variables, a
//! command gets only `PATH`. It gets two more: `ISOLATION_ENVIRONMENT` is the ID,
//! `ISOLATION_ROOT` the directory. It has its own process group, by which it is killed with all its
//! child processes.
//!
//! When this process ends, also by `kill -9`, a shell that waits for that kills all processes of
//! its environments, unless they are kept.
//!
//! ```no_run
//! use isolation::engines::basic::BasicEngine;
//! use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let mut registry = Registry::new();
//! registry.register(BasicEngine::below("/var/tmp"))?;
//! let manager = Manager::new(registry);
//! let environment = manager.create(&EngineChoice::Auto, EnvironmentSpec::default()).await?;
//! println!("{}", environment.run(Command::shell("pwd")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod capabilities;
mod instance;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::BoxFuture;
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::engine::{Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::engines::host::blocking;
use crate::engines::host::directory::{Directory, Note};
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

use capabilities::capabilities;
use instance::BasicInstance;

/// The name under which the engine is registered.
pub const NAME: &str = "basic";

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

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let base = self.base.display();
        let probe = match Directory::probe(&self.base) {
            Ok(()) => Probe::available(format!("directories in {base}"), capabilities()),
            Err(error) => Probe::unavailable(
                format!("cannot create a directory in {base}: {error}"),
                "set TMPDIR to a writable directory",
                capabilities(),
            ),
        };
        Box::pin(std::future::ready(probe))
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            reject_options(new.spec)?;
            let made = BasicInstance::create(&self.base, new).await?;
            Ok(Box::new(made) as Box<dyn Instance>)
        })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move {
            let directory = Directory::find(&self.base, id)?;
            let note = directory.read_note()?;
            Ok(Opened {
                name: note.name.clone(),
                spec: note.spec.clone(),
                status: note.status,
                instance: Box::new(BasicInstance::open(directory, note, context)?),
            })
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        let notes = Directory::list(&self.base);
        let summaries = notes.map(|notes| notes.into_iter().map(summary).collect());
        Box::pin(std::future::ready(summaries))
    }

    /// Also a directory without a specification, whose creation was interrupted.
    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let directory = match Directory::find(&self.base, leftover.id) {
                Ok(directory) => directory,
                Err(error) if error.is_not_found() => return Ok(false),
                Err(error) => return Err(error),
            };
            let id = leftover.id.clone();
            blocking(NAME, move || BasicInstance::remove(&id, &directory)).await?;
            Ok(true)
        })
    }

    fn address(&self) -> Option<String> {
        let base = std::path::absolute(&self.base).ok()?;
        base.to_str().map(str::to_owned)
    }

    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Self::below(address)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn summary(note: Note) -> EnvironmentSummary {
    EnvironmentSummary {
        id: note.id,
        name: note.name,
        engine: NAME.to_owned(),
        status: note.status,
        image: None,
        owner: note.spec.owner,
        session: note.spec.session,
    }
}

/// This engine has no options.
fn reject_options(spec: &EnvironmentSpec) -> Result<()> {
    let Some(options) = spec.engine_options.get(NAME) else {
        return Ok(());
    };
    let keys = options.as_object().map(|options| options.keys().next());
    match keys {
        Some(None) => Ok(()),
        Some(Some(key)) => Err(Error::invalid(format!(
            "the engine {NAME} has no options, so not {key:?} either; remove it"
        ))),
        None => Err(Error::invalid("the options of an engine must be a JSON object")),
    }
}
