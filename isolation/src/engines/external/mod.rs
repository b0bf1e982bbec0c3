//! An engine that another program offers, in any language.
//!
//! The program is an executable with the name `isolation-engine-NAME`, in the directory that
//! `ISOLATE_ENGINE_DIR` names or in one of `PATH`. It uses the protocol of `PROTOCOL.md` on its
//! standard input and output, like `isolate serve --stdio`. Its environments end with this process,
//! because its standard input then ends.
//!
//! An executable runs only if no user except this one and root can replace it: the file and its
//! directory, also behind links, belong to one of them, and only the owner can write to them. Other
//! executables are listed as not available, with the reason.
//!
//! [`EngineChoice::Auto`](crate::EngineChoice::Auto) never chooses such an engine: name it.
//!
//! ```no_run
//! use isolation::engines::external::ExternalEngine;
//! use isolation::{EngineChoice, EnvironmentSpec, Manager, Registry};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let mut registry = Registry::with_builtin();
//! registry.register(ExternalEngine::at("jail", "/opt/engines/isolation-engine-jail"))?;
//! let manager = Manager::new(registry);
//! let choice = EngineChoice::Named("jail".to_owned());
//! let environment = manager.create(&choice, EnvironmentSpec::default()).await?;
//! environment.destroy().await
//! # }
//! ```

mod contexts;
mod facets;
mod files;
mod find;
mod forks;
mod instance;
mod log;
mod options;
mod peer;
mod pending;
mod process;
mod program;
mod trust;
mod watch;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use self::contexts::Contexts;
use self::forks::RemotePoint;
use self::instance::RemoteInstance;
use self::peer::Peer;
use crate::BoxFuture;
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::context::Context;
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::watch::{Reports, Watching};
use crate::engine::{Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::answer;
use crate::protocol::call::{Call, Create, OfEngine, OfEnvironment, Remove};

/// The file of an executable, or why it must not run.
type Trusted = std::result::Result<PathBuf, String>;

/// The prefix of the name of an executable.
pub const PREFIX: &str = "isolation-engine-";

/// The environment variable that names a directory with executables.
pub const DIRECTORY: &str = "ISOLATE_ENGINE_DIR";

/// Timeout of the program for its first answer, and for its capabilities.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// An engine that another program offers: see [the module](self).
#[derive(Debug, Clone)]
pub struct ExternalEngine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    /// The executable.
    program: PathBuf,
    /// The file behind its links, or the reason why it must not run.
    trusted: Trusted,
    timeout: Duration,
    peer: Mutex<Option<Arc<Peer>>>,
    /// Held while the program is started.
    starting: tokio::sync::Mutex<()>,
    contexts: Contexts,
}

impl ExternalEngine {
    /// The engine that an executable offers. The executable is checked now, and started by the
    /// first call.
    pub fn at(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let trusted = trust::check(&program);
        Self::new(name.into(), program, trusted, FIRST_ANSWER)
    }

    /// The same engine, with another timeout of the program for its first answer and for its
    /// capabilities. The default is 10 seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let Inner {
            name,
            program,
            trusted,
            ..
        } = &*self.0;
        Self::new(name.clone(), program.clone(), trusted.clone(), timeout)
    }

    fn new(name: String, program: PathBuf, trusted: Trusted, timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            timeout,
            contexts: Contexts::new(&name),
            name,
            program,
            trusted,
            peer: Mutex::new(None),
            starting: tokio::sync::Mutex::new(()),
        }))
    }

    /// The engines of the executables in the directory that `ISOLATE_ENGINE_DIR` names, then in
    /// those of `PATH`, in the order of their names. If several have the same name, the first one
    /// that may run counts.
    pub fn find() -> Vec<Self> {
        find::find(
            std::env::var_os(DIRECTORY).as_deref(),
            std::env::var_os("PATH").as_deref(),
        )
    }

    /// The executable.
    pub fn program(&self) -> &Path {
        &self.0.program
    }

    /// The reason why the executable must not run, if there is one.
    pub fn refused(&self) -> Option<&str> {
        self.0.trusted.as_ref().err().map(String::as_str)
    }
}

impl Inner {
    /// The program, if it runs.
    fn running(&self) -> Option<Arc<Peer>> {
        let peer = self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        peer.clone().filter(|peer| peer.is_alive())
    }

    /// The program, which is started if it does not run.
    async fn reach(&self) -> Result<Arc<Peer>> {
        if let Some(running) = self.running() {
            return Ok(running);
        }
        let _starting = self.starting.lock().await;
        if let Some(running) = self.running() {
            return Ok(running);
        }
        let program = match &self.trusted {
            Ok(program) => program,
            Err(why) => {
                let hint = "it must be executable, and only you or root may own or change it and the directories \
                            above it";
                return Err(self.unavailable(why, hint));
            }
        };
        let events = self.contexts.clone();
        let started = Peer::start(&self.name, program, self.timeout, events).await?;
        let mut peer = self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        *peer = Some(Arc::clone(&started));
        Ok(started)
    }

    fn unavailable(&self, why: &str, hint: &str) -> Error {
        Error::unavailable(&self.name, why, hint)
    }

    /// The name of the engine among those that the program offers.
    fn offered(&self, peer: &Peer) -> Result<String> {
        let engines = &peer.welcome().engines;
        let ours = engines.iter().find(|name| **name == self.name);
        match ours.or(engines.first()) {
            Some(name) => Ok(name.clone()),
            None => Err(self.unavailable("its program offers no engine", "look at its documentation")),
        }
    }

    async fn ask(&self) -> Result<Probe> {
        let peer = self.reach().await?;
        let engine = Some(self.offered(&peer)?);
        let asked = timeout(self.timeout, peer.request(Call::Probe(OfEngine { engine }))).await;
        asked.unwrap_or_else(|_| {
            let text = format!("it does not answer within {} s", self.timeout.as_secs_f64());
            Err(Error::new(ErrorKind::Timeout, text))
        })
    }

    async fn create(
        self: &Arc<Self>,
        new: NewEnvironment<'_>,
        point: Option<&ForkPoint>,
    ) -> Result<Box<dyn Instance>> {
        let peer = self.reach().await?;
        let fork = point.map(|point| RemotePoint::of(point, &peer)).transpose()?;
        let offered = self.offered(&peer)?;
        let creating = self.contexts.creating(new.id, new.context);
        let create = Create {
            spec: options::outgoing(new.spec, &self.name, &offered),
            engine: Some(offered),
            id: Some(new.id.clone()),
            name: Some(new.name.to_owned()),
            fork,
            start: false,
        };
        let undo = Undo(&peer, Some(new.id));
        let created = peer
            .request::<answer::Opened>(Call::Create(Box::new(create)))
            .await;
        undo.disarm();
        drop(creating);
        match created {
            Ok(opened) => {
                let instance = RemoteInstance::new(self, &opened, new.spec, new.context.journal());
                Ok(Box::new(instance.owned()))
            }
            Err(error) => {
                self.contexts.forget(new.id);
                if !peer.is_alive() {
                    // The program can no longer undo its work. The first error is returned.
                    let _ = timeout(self.timeout, self.remove(new.id, &[])).await;
                }
                Err(error)
            }
        }
    }

    async fn open(self: &Arc<Self>, id: &EnvironmentId, context: &Context) -> Result<Opened> {
        let peer = self.reach().await?;
        let offered = self.offered(&peer)?;
        let of = OfEnvironment {
            environment: id.to_string(),
        };
        let mut opened: answer::Opened = peer.request(Call::Open(of)).await?;
        options::incoming(&mut opened.spec, &self.name, &offered);
        self.contexts.add(id, context);
        let instance = RemoteInstance::new(self, &opened, &opened.spec, context.journal());
        Ok(Opened {
            name: opened.name.clone(),
            spec: opened.spec,
            status: opened.status,
            instance: Box::new(instance),
        })
    }

    async fn list(&self) -> Result<Vec<EnvironmentSummary>> {
        let peer = self.reach().await?;
        let engine = Some(self.offered(&peer)?);
        let listed: answer::Listed = peer.request(Call::List(OfEngine { engine })).await?;
        let ours = |summary| EnvironmentSummary {
            engine: self.name.clone(),
            ..summary
        };
        Ok(listed.environments.into_iter().map(ours).collect())
    }

    async fn remove(&self, id: &EnvironmentId, resources: &[crate::Resource]) -> Result<bool> {
        let peer = self.reach().await?;
        let remove = Remove {
            engine: Some(self.offered(&peer)?),
            environment: id.clone(),
            resources: resources.to_vec(),
        };
        let removed: answer::Removed = peer.request(Call::Remove(remove)).await?;
        Ok(removed.removed)
    }
}

/// Destroys an environment whose creation was dropped.
struct Undo<'a>(&'a Peer, Option<&'a EnvironmentId>);

impl Undo<'_> {
    fn disarm(mut self) {
        self.1 = None;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.1 {
            let environment = id.to_string();
            // If the program has exited, the environment is in the journal.
            let _ = self
                .0
                .send_once(Call::Destroy(OfEnvironment { environment }), Box::new(drop));
        }
    }
}

impl Engine for ExternalEngine {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn is_automatic(&self) -> bool {
        false
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        Box::pin(async {
            let error = match self.0.ask().await {
                Ok(mut probe) => {
                    let why = "the files of another program are not saved; forks are possible";
                    probe.capabilities = probe.capabilities.without(Feature::Snapshots, why);
                    return probe.named_by(None);
                }
                Err(error) => error,
            };
            let nothing = Capabilities::new(IsolationLevel::Process);
            let (why, hint) = error.why_unavailable();
            let hint = match hint.is_empty() {
                true => format!("look at {}", self.0.program.display()),
                false => hint,
            };
            Probe::unavailable(why, hint, nothing)
        })
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(self.0.create(new, None))
    }

    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(self.0.create(new, Some(point)))
    }

    fn watch(&self, reports: Reports) -> BoxFuture<'_, Result<Watching>> {
        Box::pin(self.0.watch(reports))
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.0.open(id, context))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(self.0.list())
    }

    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.remove(leftover.id, leftover.resources))
    }

    fn address(&self) -> Option<String> {
        let path = std::path::absolute(&self.0.program).ok()?;
        path.to_str().map(str::to_owned)
    }

    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Self::at(self.0.name.clone(), address)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
