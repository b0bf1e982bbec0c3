//! The engine for Python tests: a virtual environment in a directory of this machine.
//!
//! Commands, files and isolation are those of the engine [`basic`](super::basic). Each environment
//! has a virtual environment of its own in `.venv`, with pip if the interpreter brings it. Its
//! programs come first on the `PATH` of each command, `VIRTUAL_ENV` names it, and no variable of
//! the caller reaches Python or pip. Nothing is installed outside of it.
//!
//! The first environment of an interpreter is created with `venv`, else uv or virtualenv, and kept
//! as a template in `$XDG_CACHE_HOME/isolate/virtualenv`; the next ones are copies of it.
//!
//! ```no_run
//! use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
//! use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let mut registry = Registry::new();
//! registry.register(VirtualenvEngine::new())?;
//! let manager = Manager::new(registry);
//! let mut spec = EnvironmentSpec::default();
//! VirtualenvOptions { python: Some(">=3.11".into()), ..Default::default() }.add_to(&mut spec);
//! let environment = manager.create(&EngineChoice::Auto, spec).await?;
//! environment.run(Command::new(["pip", "install", "--no-index", "./wheels/mine.whl"])).await?;
//! environment.destroy().await
//! # }
//! ```

mod activation;
mod dependencies;
mod find;
mod interpreter;
mod known;
mod naming;
mod options;
mod problem;
mod proof;
mod pyvenv_cfg;
mod record;
mod relocate;
mod repair;
mod request;
mod run;
mod scripts;
mod template;
mod tool;
mod validate;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::BoxFuture;
use crate::engine::context::Context;
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::watch::{Reports, Watching};
use crate::engine::{Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::engines::host::base::Base;
use crate::engines::host::blocking;
use crate::engines::host::instance::HostInstance;
use crate::engines::host::snapshot;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::snapshots::{SavedState, Seen};
use crate::spec::EnvironmentSpec;

use activation::Activation;
use interpreter::Interpreter;
use known::Known;
use naming::{Search, Searched};
pub use options::VirtualenvOptions;
pub use problem::VirtualenvProblem;
use pyvenv_cfg::PyvenvCfg;
use relocate::Moved;
pub(crate) use relocate::{Elsewhere, prepare_for};
pub use request::PythonRequest;
use template::Template;

/// The name under which the engine is registered.
pub const NAME: &str = super::VIRTUALENV;

/// The directory of the virtual environment, in that of the environment.
const DIRECTORY: &str = ".venv";

/// The engine for Python tests: see [the module](self).
#[derive(Debug, Clone)]
pub struct VirtualenvEngine {
    base: Base,
    cache: Option<PathBuf>,
    interpreters: Arc<Interpreters>,
    searched: Arc<Searched>,
}

/// The interpreters that were found, by request, with the time of the program's last change.
#[derive(Debug, Default)]
struct Interpreters(Mutex<BTreeMap<String, (Interpreter, SystemTime)>>);

impl Default for VirtualenvEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl VirtualenvEngine {
    /// Creates an engine that uses the system's directory for temporary files, and the user's
    /// directory for caches.
    pub fn new() -> Self {
        Self::below(std::env::temp_dir())
    }

    /// Creates an engine that creates its environments in this directory, which must exist.
    pub fn below(base: impl Into<PathBuf>) -> Self {
        Self {
            base: Base::new(NAME, base.into()),
            cache: None,
            interpreters: Arc::default(),
            searched: Arc::default(),
        }
    }

    /// Keeps the templates in this directory, which only this user may write to.
    #[must_use]
    pub fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = Some(cache.into());
        self
    }

    /// The directory in which it creates its directories.
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    fn cache(&self) -> Result<PathBuf> {
        if let Some(cache) = &self.cache {
            return Ok(cache.clone());
        }
        template::directory(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// The interpreter that a request means, and the environment's directory of packages.
    async fn interpreter(&self, request: PythonRequest) -> Result<Interpreter> {
        let (interpreters, known) = (Arc::clone(&self.interpreters), self.known());
        blocking(NAME, move || interpreters.find(&request, &known)).await
    }

    /// The answers of interpreters; without a cache each one is run again.
    fn known(&self) -> Known {
        self.cache().map_or_else(|_| Known::default(), Known::below)
    }

    /// The variables that make commands use the virtual environment in this root.
    fn activation(&self, root: &Path, spec: &EnvironmentSpec) -> Result<Activation> {
        Ok(Activation {
            environment: root.join(DIRECTORY),
            host_path: VirtualenvOptions::of(spec)?.host_path,
            known: self.known(),
        })
    }
}

impl VirtualenvEngine {
    /// Completes an environment whose virtual environment was copied from another place.
    async fn relocated(
        &self,
        made: HostInstance,
        from: Option<Moved>,
        spec: &EnvironmentSpec,
    ) -> Result<Box<dyn Instance>> {
        let root = made.directory().root();
        let activation = self.activation(&root, spec)?;
        let scratch = made.directory().path().join("proof");
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let known = self.known();
        blocking(NAME, move || {
            relocate::relocate(from.as_ref(), &root, &scratch, &known, &stop)
        })
        .await?;
        let made = made.with_setup(Arc::new(activation)).complete().await?;
        Ok(Box::new(made) as Box<dyn Instance>)
    }
}

impl Interpreters {
    fn find(&self, request: &PythonRequest, kept: &Known) -> Result<Interpreter> {
        let changed = |one: &Interpreter| one.executable.metadata().and_then(|meta| meta.modified()).ok();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = request.to_string();
        if let Some((found, at)) = known().get(&text) {
            if changed(found) == Some(*at) {
                return Ok(found.clone());
            }
        }
        let found = Interpreter::find(request, kept)?;
        if let Some(at) = changed(&found) {
            known().insert(text, (found.clone(), at));
        }
        Ok(found)
    }
}

/// Creates the virtual environment at a path where nothing is. This blocks.
fn create(
    environment: &Path,
    interpreter: &Interpreter,
    cache: &Path,
    options: &VirtualenvOptions,
    stop: &Stop,
) -> Result<()> {
    if is_plain(environment) {
        Template::of(interpreter, !options.without_pip, cache, stop)?.copy(
            environment,
            &interpreter.packages,
            stop,
        )?;
    } else {
        // Only the tool itself knows how to quote such a path in each of its scripts.
        tool::create(environment, interpreter, !options.without_pip, stop)?;
    }
    if options.system_site_packages {
        let mut file = PyvenvCfg::read(environment)?;
        file.set("include-system-site-packages", "true");
        file.write(environment)?;
    }
    Ok(())
}

/// Rejects a path that pip cannot quote in the scripts that it writes, or that would be two
/// directories in `PATH`.
fn check_path(base: &Path) -> Result<()> {
    let real = std::fs::canonicalize(base).map_err(|e| Error::io("resolve the directory", base, e))?;
    let text = real.to_string_lossy();
    if text.contains(':') {
        return Err(Error::invalid(format!(
            "no program runs in {}: a colon separates the directories of PATH; set TMPDIR to a directory \
             without one",
            real.display()
        )));
    }
    match text.contains(['"', '$', '`', '\\', '\n']) {
        true => Err(Error::invalid(format!(
            "no script of a Python package runs in {}: pip cannot quote \", $, ` or \\; set TMPDIR to a \
             directory without them",
            real.display()
        ))),
        false => Ok(()),
    }
}

/// Adds the package managers of Python.
fn with_packages(mut probe: Probe) -> Probe {
    let values = probe.capabilities.values().clone();
    let values = values.with(&["pip", "uv"], &["host"]);
    probe.capabilities = probe.capabilities.with_values(values);
    probe
}

/// Whether a path needs no quoting in any shell.
fn is_plain(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@%,=".contains(&byte))
}

impl Engine for VirtualenvEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        Box::pin(async move {
            let request = PythonRequest::default();
            match self.interpreter(request).await {
                Ok(found) => {
                    let program = found.executable.display();
                    let (name, version) = (&found.implementation, &found.version);
                    with_packages(self.base.probe(&format!("{name} {version} at {program}, ")))
                }
                Err(error) => Probe::unavailable(
                    error.to_string(),
                    "install Python 3",
                    with_packages(self.base.probe("")).capabilities,
                ),
            }
        })
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let options = VirtualenvOptions::of(new.spec)?;
            let interpreter = self.interpreter(options.request()?).await?;
            let cache = self.cache()?;
            check_path(self.base.path())?;
            let begun = self.base.begin(new)?;
            let environment = begun.directory().root().join(DIRECTORY);
            let activation = self.activation(&begun.directory().root(), new.spec)?;
            let stop = Stop::default();
            let _guard = StopOnDrop(stop.clone());
            let work = move || create(&environment, &interpreter, &cache, &options, &stop);
            blocking(NAME, work).await?;
            let made = begun.with_setup(Arc::new(activation)).complete().await?;
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
            check_path(self.base.path())?;
            let made = self.base.restore(new, state).await?;
            let moved = state.manifest().location.clone().map(Moved::from);
            self.relocated(made, moved, new.spec).await
        })
    }

    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            check_path(self.base.path())?;
            let original = Base::original(point)?.to_owned();
            let search = Arc::new(Search::new(&original, &self.searched));
            let looking = Arc::clone(&search);
            let look = move |path: &Path, seen: Seen<'_>| looking.look(path, seen);
            let made = self.base.fork(new, point, look).await?;
            let moved = Moved {
                from: original,
                naming: Some(search.found()),
            };
            self.relocated(made, Some(moved), new.spec).await
        })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let open = || {
            let found = self.base.open(id, context)?;
            let activation = self.activation(found.instance.directory().root().as_path(), &found.spec)?;
            Ok(Opened {
                name: found.name,
                spec: found.spec,
                status: found.status,
                instance: Box::new(found.instance.with_setup(Arc::new(activation))),
            })
        };
        Box::pin(std::future::ready(open()))
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
        Ok(Arc::new(Self {
            base: Base::new(NAME, address.into()),
            ..self.clone()
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod moved_tests;
#[cfg(test)]
mod tests;
