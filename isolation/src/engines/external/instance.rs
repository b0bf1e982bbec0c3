//! An environment of the other program.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::Inner;
use super::process;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::input::Input;
use crate::command::signal::Signal;
use crate::creator::Creator;
use crate::engine::capabilities::{Capabilities, Feature};
use crate::engine::forks::Forks;
use crate::engine::instance::{
    DiskUsage, Exec, Files, Inspection, Instance, InstanceState, Logs, MainProcess, Metrics, Networking,
    Pause, Ports, Processes, Recreate, Rename, Update,
};
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::error::{ErrorKind, Result};
use crate::journal::Journal;
use crate::protocol::answer::{Done, ImageCheck, Opened};
use crate::protocol::call::{Call, Kill, OfEnvironment, Start, Stop};
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;

/// An environment of the other program.
#[derive(Debug)]
pub(super) struct RemoteInstance {
    pub(super) engine: Arc<Inner>,
    pub(super) id: EnvironmentId,
    pub(super) main: Main,
    capabilities: Capabilities,
    pub(super) disk_limit: Option<u64>,
    checks_health: bool,
    journal: Journal,
    /// Whether a drop does not destroy the environment.
    released: AtomicBool,
    creator: Creator,
}

impl RemoteInstance {
    /// An environment that belongs to its creator.
    pub(super) fn new(
        engine: &Arc<Inner>,
        opened: &Opened,
        spec: &EnvironmentSpec,
        journal: &Journal,
    ) -> Self {
        Self {
            engine: Arc::clone(engine),
            id: opened.id.clone(),
            main: spec.main.clone(),
            capabilities: opened.capabilities.clone(),
            disk_limit: opened.disk_limit,
            checks_health: opened.checks_health,
            journal: journal.clone(),
            released: AtomicBool::new(true),
            creator: Creator::this_process(),
        }
    }

    /// The environment, which its drop destroys.
    pub(super) fn owned(self) -> Self {
        self.released.store(false, Ordering::Release);
        self
    }

    pub(super) fn of(&self) -> OfEnvironment {
        OfEnvironment {
            environment: self.id.to_string(),
        }
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        self.engine.reach().await?.request(call).await
    }

    pub(super) async fn tell(&self, call: Call) -> Result<()> {
        self.ask::<Done>(call).await.map(drop)
    }

    fn has(&self, feature: Feature) -> bool {
        self.capabilities.has(feature)
    }

    fn has_main(&self) -> bool {
        self.main != Main::Idle && self.has(Feature::MainProcess)
    }

    async fn run(&self, command: &Command) -> Result<Execution> {
        let peer = self.engine.reach().await?;
        let sent = process::outgoing(command);
        let input = sent.input.clone();
        let exec = crate::protocol::params::Exec {
            environment: self.id.to_string(),
            command: sent,
            window: crate::protocol::WINDOW,
        };
        process::start(&peer, Call::Exec(exec), command, &input).await
    }

    pub(super) async fn attach(&self) -> Result<Execution> {
        let peer = self.engine.reach().await?;
        let attach = crate::protocol::params::Attach {
            environment: self.id.to_string(),
            window: crate::protocol::WINDOW,
        };
        let command = match &self.main {
            Main::Command(command) => command.clone(),
            Main::Idle | Main::Image | Main::Arguments(_) => Command::default(),
        };
        let input: Input = command.input.clone();
        process::start(&peer, Call::StartAttached(attach), &command, &input).await
    }

    /// Asks the program to destroy it; `done` is called with the result.
    fn begin_destruction(&self, done: impl FnOnce(bool) + Send + 'static) {
        self.released.store(true, Ordering::Release);
        let hold = self.journal.hold();
        let Some(peer) = self.engine.running() else { return };
        let end = move |end: super::pending::End| {
            let is_gone = end.is_ok();
            if is_gone {
                hold.gone();
            }
            done(is_gone);
        };
        // If the program has exited, the environment stays in the journal.
        let _ = peer.send_once(Call::Destroy(self.of()), Box::new(end));
    }
}

impl Drop for RemoteInstance {
    fn drop(&mut self) {
        if self.creator.is_this_process() && !self.released.load(Ordering::Acquire) {
            self.begin_destruction(drop);
        }
    }
}

impl Instance for RemoteInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(async {
            match self.ask(Call::Inspect(self.of())).await {
                Err(error) if error.kind() == ErrorKind::Lost => Ok(InstanceState::new(Status::Lost)),
                state => state,
            }
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        let environment = self.id.to_string();
        // This process waits, checks and restarts.
        let supervise = false;
        Box::pin(self.tell(Call::Start(Start {
            environment,
            supervise,
        })))
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, Result<()>> {
        let environment = self.id.to_string();
        Box::pin(self.tell(Call::Stop(Stop {
            environment,
            grace: Some(grace),
        })))
    }

    fn kill(&self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        let environment = self.id.to_string();
        Box::pin(self.tell(Call::Kill(Kill { environment, signal })))
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.tell(Call::Destroy(self.of())).await?;
            self.released.store(true, Ordering::Release);
            self.engine.contexts.forget(&self.id);
            Ok(())
        })
    }

    fn destroy_blocking(&self, limit: Duration) -> bool {
        self.engine.contexts.forget(&self.id);
        if limit.is_zero() {
            self.released.store(true, Ordering::Release);
            drop(self.journal.hold());
            return false;
        }
        let (sender, gone) = std::sync::mpsc::channel();
        self.begin_destruction(move |is_gone| {
            // In a runtime, the receiver no longer exists.
            let _ = sender.send(is_gone);
        });
        match Handle::try_current() {
            Ok(_) => false,
            Err(_) => gone.recv_timeout(limit) == Ok(true),
        }
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.tell(Call::Keep(self.of())).await?;
            self.released.store(true, Ordering::Release);
            Ok(())
        })
    }

    fn exec(&self) -> Option<&dyn Exec> {
        self.has(Feature::Commands).then_some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        let has_files = self.has(Feature::CopyIn) || self.has(Feature::CopyOut);
        has_files.then_some(self)
    }

    fn main(&self) -> Option<&dyn MainProcess> {
        self.has_main().then_some(self)
    }

    fn image_check(&self) -> BoxFuture<'_, Result<Option<Command>>> {
        Box::pin(async {
            if !self.has(Feature::Images) {
                return Ok(None);
            }
            let found: ImageCheck = self.ask(Call::ImageCheck(self.of())).await?;
            Ok(found.check)
        })
    }

    fn ports(&self) -> Option<&dyn Ports> {
        self.has(Feature::Ports).then_some(self)
    }

    fn networking(&self) -> Option<&dyn Networking> {
        self.has(Feature::Networks).then_some(self)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        let has_log = self.has(Feature::Logs) && self.has_main();
        has_log.then_some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        self.has(Feature::Metrics).then_some(self)
    }

    fn pause(&self) -> Option<&dyn Pause> {
        self.has(Feature::Pause).then_some(self)
    }

    fn rename(&self) -> Option<&dyn Rename> {
        self.has(Feature::Rename).then_some(self)
    }

    fn update(&self) -> Option<&dyn Update> {
        self.has(Feature::LimitUpdates).then_some(self)
    }

    fn processes(&self) -> Option<&dyn Processes> {
        self.has(Feature::Processes).then_some(self)
    }

    fn checks_health(&self) -> bool {
        self.checks_health
    }

    fn recreate(&self) -> Option<&dyn Recreate> {
        self.has(Feature::Recreation).then_some(self)
    }

    fn inspection(&self) -> Option<&dyn Inspection> {
        Some(self)
    }

    fn forks(&self) -> Option<&dyn Forks> {
        self.has(Feature::Snapshots).then_some(self)
    }

    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        self.disk_limit.map(|_| self as _)
    }
}

impl Exec for RemoteInstance {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(self.run(command))
    }
}

impl MainProcess for RemoteInstance {
    fn wait(&self) -> BoxFuture<'_, Result<crate::ExitStatus>> {
        Box::pin(async {
            let ended: crate::protocol::answer::Ended = self.ask(Call::Wait(self.of())).await?;
            Ok(ended.exit)
        })
    }

    fn start_attached(&self) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(self.attach())
    }
}

impl Files for RemoteInstance {
    fn copy_in<'a>(&'a self, source: crate::CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(super::files::copy_in(self, source, target))
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(super::files::copy_out(self, source, target))
    }

    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<crate::FileKind>>> {
        Box::pin(super::files::kind(self, path))
    }
}
