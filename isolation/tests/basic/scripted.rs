//! An engine that does what a test tells it, and reports what a test reports.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isolation::{
    BoxFuture, Capabilities, Chunk, Command, Context, DiskUsage, Endpoint, Engine, EnvironmentId,
    EnvironmentSummary, Error, ErrorKind, Exec, Execution, ExitStatus, Feature, Instance, InstanceState,
    IsolationLevel, LogEntry, LogLine, LogOptions, LogSource, LogStream, Logs, MainProcess, NewEnvironment,
    Observed, Opened, OutputStream, Ports, Probe, Rename, Report, Reports, Result, RunningProcess, Signal,
    Status, Watching,
};
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

/// A gate: a call announces that it has come, and waits until the test lets it go on.
pub(crate) struct Gate {
    come: oneshot::Sender<()>,
    go_on: oneshot::Receiver<()>,
}

/// The other side of a gate.
pub(crate) struct Keeper {
    pub(crate) come: oneshot::Receiver<()>,
    pub(crate) go_on: oneshot::Sender<()>,
}

pub(crate) fn gate() -> (Gate, Keeper) {
    let (come, has_come) = oneshot::channel();
    let (go_on, wait) = oneshot::channel();
    let keeper = Keeper {
        come: has_come,
        go_on,
    };
    (Gate { come, go_on: wait }, keeper)
}

impl Gate {
    async fn pass(self) {
        self.come.send(()).unwrap();
        self.go_on.await.unwrap();
    }
}

/// The state and the actions of the engine.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) status: Option<Status>,
    /// Gates of the next removals, and of the next inspections after they have read the status.
    pub(crate) removals: VecDeque<Gate>,
    pub(crate) inspections: VecDeque<Gate>,
    reports: Option<Reports>,
    pub(crate) watches: usize,
    /// The main process: how it has ended, when the engine reports that, and what it has written.
    pub(crate) exit: Option<ExitStatus>,
    pub(crate) exit_reported_after: Duration,
    pub(crate) log: Vec<&'static str>,
    /// Commands run and take no signal until they are notified.
    pub(crate) stuck: Option<Arc<Notify>>,
    /// Whether the main process ignores every signal but the last.
    pub(crate) deaf: bool,
    /// The ports that it publishes.
    pub(crate) ports: Vec<Endpoint>,
    /// The size of its files.
    pub(crate) used: Option<u64>,
    /// Features beside those that it has.
    pub(crate) claims: Vec<Feature>,
}

#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}

impl Scripted {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    pub(crate) fn is(&self, status: Option<Status>) {
        self.with(|script| script.status = status);
    }

    pub(crate) fn report(&self, id: &EnvironmentId, observed: Observed) {
        let (id, name) = (id.clone(), "web".to_owned());
        let report = Report { id, name, observed };
        self.with(|script| script.reports.as_ref().unwrap().send(report));
    }

    /// Where the engine reports what happens.
    pub(crate) fn reports(&self) -> Reports {
        self.with(|script| script.reports.clone().unwrap())
    }

    async fn remove_now(&self) {
        let gate = self.with(|script| script.removals.pop_front());
        self.is(None);
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }

    fn becomes(&self, status: Status) -> BoxFuture<'_, Result<()>> {
        self.is(Some(status));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Instance for Scripted {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(async {
            let (status, gate) = self.with(|script| (script.status, script.inspections.pop_front()));
            if let Some(gate) = gate {
                gate.pass().await;
            }
            Ok(InstanceState::new(status.unwrap_or(Status::Lost)))
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        self.becomes(Status::Running)
    }

    fn stop(&self, _: Duration) -> BoxFuture<'_, Result<()>> {
        self.becomes(Status::Stopped)
    }

    fn kill(&self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        match signal != Signal::Kill && self.with(|script| script.deaf) {
            true => Box::pin(std::future::ready(Ok(()))),
            false => self.becomes(Status::Stopped),
        }
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.remove_now().await;
            Ok(())
        })
    }

    fn destroy_blocking(&self, _: Duration) -> bool {
        self.is(None);
        true
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn rename(&self) -> Option<&dyn Rename> {
        Some(self)
    }

    fn exec(&self) -> Option<&dyn Exec> {
        Some(self)
    }

    fn main(&self) -> Option<&dyn MainProcess> {
        self.with(|script| script.exit).map(|_| self as _)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        Some(self)
    }

    fn ports(&self) -> Option<&dyn Ports> {
        Some(self)
    }

    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        self.with(|script| script.used).map(|_| self as _)
    }
}

impl DiskUsage for Scripted {
    fn limit(&self) -> u64 {
        u64::MAX
    }

    fn used(&self) -> BoxFuture<'_, Result<u64>> {
        let used = self.with(|script| script.used);
        Box::pin(std::future::ready(used.ok_or_else(Error::lost)))
    }
}

impl Ports for Scripted {
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        let ports = self.with(|script| script.ports.clone());
        Box::pin(std::future::ready(Ok(ports)))
    }
}

impl Exec for Scripted {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        if let Some(signals) = self.with(|script| script.stuck.clone()) {
            let execution = Execution::new(Box::new(Stuck(signals)), None, command);
            return Box::pin(std::future::ready(Ok(execution)));
        }
        let error = Error::new(ErrorKind::WrongStatus, "it does not run").observed(Status::Stopped);
        Box::pin(std::future::ready(Err(error)))
    }
}

struct Stuck(Arc<Notify>);

impl RunningProcess for Stuck {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(std::future::pending())
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(std::future::pending())
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.0.notified().await;
            Ok(())
        })
    }
}

impl MainProcess for Scripted {
    fn wait(&self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async {
            sleep(self.with(|script| script.exit_reported_after)).await;
            self.is(Some(Status::Stopped));
            Ok(self.with(|script| script.exit).unwrap())
        })
    }

    fn start_attached(&self) -> BoxFuture<'_, Result<Execution>> {
        let error = Error::new(ErrorKind::Unsupported, "its streams are not connected");
        Box::pin(std::future::ready(Err(error)))
    }
}

impl Logs for Scripted {
    /// The engine has not written the last line yet: a log that is not followed ends before it.
    fn read<'a>(&'a self, options: &'a LogOptions) -> BoxFuture<'a, Result<LogStream>> {
        let mut lines: VecDeque<&str> = self.with(|script| script.log.iter().copied().collect());
        if !options.follow {
            lines.pop_back();
        }
        Box::pin(std::future::ready(Ok(LogStream::new(Lines(lines)))))
    }
}

struct Lines(VecDeque<&'static str>);

impl LogSource for Lines {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>> {
        let next = self.0.pop_front();
        let line = next.map(|text| LogEntry::Line(LogLine::new(OutputStream::Stderr, text)));
        Box::pin(std::future::ready(Ok(line)))
    }
}

impl Rename for Scripted {
    fn rename<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[derive(Debug)]
pub(crate) struct ScriptedEngine(pub(crate) Scripted);

impl Engine for ScriptedEngine {
    fn name(&self) -> &str {
        "scripted"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let capabilities = Capabilities::new(IsolationLevel::Process).with([
            Feature::Rename,
            Feature::MainProcess,
            Feature::Logs,
        ]);
        let capabilities = capabilities.with(self.0.with(|script| script.claims.clone()));
        Box::pin(std::future::ready(Probe::available("always", capabilities)))
    }

    fn create<'a>(&'a self, _: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        self.0.is(Some(Status::Created));
        let instance: Box<dyn Instance> = Box::new(self.0.clone());
        Box::pin(std::future::ready(Ok(instance)))
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let error = Error::not_found(id.as_str());
        Box::pin(std::future::ready(Err(error)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn watch(&self, reports: Reports) -> BoxFuture<'_, Result<Watching>> {
        self.0.with(|script| {
            script.watches += 1;
            script.reports = Some(reports);
        });
        let task = tokio::spawn(std::future::pending());
        Box::pin(std::future::ready(Ok(Watching::new(task))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
