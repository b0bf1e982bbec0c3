//! The engine without requirements: a temporary directory and child processes on this machine.
//!
//! It separates tests, but it does not contain hostile code: a command sees the machine's files,
//! processes and network. An environment has its own directory with permissions 0700, which is the
//! root of its paths, and a `HOME` and a `TMPDIR` in it. Of the caller's environment variables, a
//! command gets only `PATH`. It gets two more: `ISOLATION_ENVIRONMENT` is the ID,
//! `ISOLATION_ROOT` the directory. It has its own process group, through which it is killed with
//! all its child processes. It inherits no descriptor but the standard streams: all others of this
//! process are made close-on-exec when a command starts. A signal that this process ignores is
//! ignored by its commands, too.
//!
//! If this user may create control groups of Linux, each environment has one: its limits are
//! enforced, its resource usage is measured, and every process in it ends with the environment.
//! A disk limit needs no group, because it is supervised: see
//! [`DiskLimitKind`](crate::DiskLimitKind).
//!
//! A shell waits for the end of this process, also by `kill -9`. It then kills all processes of the
//! environments of this process, unless they are kept.
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

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::BoxFuture;
use crate::engine::context::Context;
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::watch::{Reports, Watching};
use crate::engine::{Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::engines::host::base::Base;
use crate::engines::host::snapshot;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::short::short;
use crate::snapshots::SavedState;
use crate::spec::EnvironmentSpec;

/// The name under which the engine is registered.
pub const NAME: &str = "basic";

/// The engine without requirements: see [the module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicEngine {
    base: Base,
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
        Self {
            base: Base::new(NAME, base.into()),
        }
    }

    /// The directory in which it creates its directories.
    pub fn base(&self) -> &Path {
        self.base.path()
    }
}

impl Engine for BasicEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        Box::pin(std::future::ready(self.base.probe("")))
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            reject_options(new.spec)?;
            let made = self.base.begin(new)?.complete().await?;
            Ok(Box::new(made) as Box<dyn Instance>)
        })
    }

    fn adapt(&self, state: &SavedState, _: &mut EnvironmentSpec) -> Result<()> {
        snapshot::check_engine(NAME, state)
    }

    fn restore<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        state: &'a SavedState,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let made = self.base.restore(new, state).await?.complete().await?;
            Ok(Box::new(made) as Box<dyn Instance>)
        })
    }

    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let made = self.base.fork(new, point, |_, _| Ok(())).await?;
            Ok(Box::new(made.complete().await?) as Box<dyn Instance>)
        })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let opened = self.base.open(id, context).map(|found| Opened {
            name: found.name,
            spec: found.spec,
            status: found.status,
            instance: Box::new(found.instance),
        });
        Box::pin(std::future::ready(opened))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(std::future::ready(self.base.list()))
    }

    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.base.remove(leftover))
    }

    fn watch(&self, reports: Reports) -> BoxFuture<'_, Result<Watching>> {
        Box::pin(self.base.watch(reports))
    }

    fn address(&self) -> Option<String> {
        self.base.address()
    }

    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Self::below(address)))
    }

    fn as_any(&self) -> &dyn Any {
        self
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
            "the engine {NAME} has no options, so not {:?} either; remove it",
            short(key)
        ))),
        None => Err(Error::invalid("the options of an engine must be a JSON object")),
    }
}
