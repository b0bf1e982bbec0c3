//! An environment, the handle for users.

mod attached_runs;
pub(crate) mod checks;
mod destroy;
pub(crate) mod disk;
pub(crate) mod end_timeout;
pub(crate) mod endpoint;
pub(crate) mod evidence;
mod execute;
mod expose_host;
pub(crate) mod first;
mod health_count;
pub(crate) mod id;
pub(crate) mod joined_network;
mod keep;
pub(crate) mod name;
mod networks;
mod no_facet;
mod observe;
mod past;
mod pause;
pub(crate) mod paused;
pub(crate) mod pauses;
mod processes;
mod recovery;
pub(crate) mod relays;
mod rename;
mod restart_sharing;
mod run_events;
pub(crate) mod runs;
mod sampling;
pub(crate) mod shared;
pub(crate) mod sharing;
mod start_attached;
pub(crate) mod status;
mod stop_with;
pub(crate) mod summary;
pub(crate) mod supervise;
pub(crate) mod supervision;
pub(crate) mod tasks;
mod update;
pub(crate) mod usage;
pub(crate) mod wait_until;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::endpoint::Endpoint;
use self::id::EnvironmentId;
use self::shared::Shared;
use self::status::Status;
use self::summary::EnvironmentSummary;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::exit_status::ExitStatus;
use crate::command::output::CommandOutput;
use crate::command::signal::Signal;
use crate::engine::instance::InstanceState;
use crate::engine::watch::Health;
use crate::error::Result;
use crate::files::{CopySource, FileKind};
use crate::spec::EnvironmentSpec;
use crate::spec::published_port::Protocol;
use crate::spec::wait_for::WaitFor;

/// How long a stop waits by default.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An isolated place for commands.
///
/// [`Manager::create`](crate::Manager::create) creates it, [`Manager::open`](crate::Manager::open)
/// opens one that any process has created. It is a handle: clones share the environment. Dropping
/// the last clone destroys the environment as far as possible without waiting
/// ([`destroy_blocking`](Self::destroy_blocking)), unless [`keep`](Self::keep) was called or the
/// environment was opened. Dropping it in a forked process does not destroy it.
///
/// **Paths** inside an environment are text. A relative path starts at the environment's working
/// directory, an absolute path at its root. A path outside the environment is rejected.
#[derive(Clone)]
pub struct Environment(Arc<Guard>);

/// Destroys the environment when the last handle is dropped.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.0.is_kept() {
            self.0.drop_environment();
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared().fmt(f)
    }
}

impl Environment {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.connect_relays();
        Self(Arc::new(Guard(Arc::clone(shared))))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// The ID.
    pub fn id(&self) -> &EnvironmentId {
        &self.shared().id
    }

    /// The name for people.
    pub fn name(&self) -> &str {
        self.shared().name()
    }

    /// The name of the engine.
    pub fn engine(&self) -> &str {
        &self.shared().engine
    }

    /// The specification from which it was created.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.shared().spec
    }

    /// The last known status, without a request to the engine; [`inspect`](Self::inspect) asks the
    /// engine.
    pub fn status(&self) -> Status {
        self.shared().status()
    }

    /// Its entry in a list of environments.
    pub fn summary(&self) -> EnvironmentSummary {
        self.shared().summary()
    }

    /// Asks the engine for the state, and updates [`status`](Self::status): another process may
    /// have started or stopped the environment, or its main process has exited.
    pub async fn inspect(&self) -> Result<InstanceState> {
        self.shared().inspect().await
    }

    /// Makes it ready for commands, and starts its main process; does nothing if it is ready. It
    /// then waits for the [readiness](EnvironmentSpec::ready) of its specification. From then on
    /// this process runs the [health check](EnvironmentSpec::health), and
    /// [restarts](EnvironmentSpec::restart) it.
    pub async fn start(&self) -> Result<()> {
        let check = supervise::check(self.shared()).await;
        let check = check.map_err(|error| error.during("start the environment", self.name()))?;
        let runs = self.status().is_running();
        self.explained(self.shared().start().await).await?;
        if !runs {
            supervise::begin(self.shared(), check);
            sampling::begin(self.shared());
        }
        Ok(())
    }

    /// The last result of the [health check](EnvironmentSpec::health) that is known without a
    /// request to the engine; `None` before the first start, and without one. The outputs of the
    /// checks are in [`inspect`](Self::inspect).
    pub fn health(&self) -> Option<Health> {
        self.shared().supervision.health()
    }

    /// Starts it, and returns the output of its main process as a stream, from the first byte on.
    /// Signals of the [`Execution`] are sent to the main process, [`Signal::Kill`] to every
    /// process; dropping it before the exit kills them. The environment stops when the main process
    /// exits.
    ///
    /// The [health check](EnvironmentSpec::health) of the specification runs at the same time. With
    /// [restarts](EnvironmentSpec::restart) the output continues over all runs and ends with the
    /// last; for this, the caller must read the output. A signal that ends processes ends the
    /// restarts.
    ///
    /// A program that cannot be run exits with code 127 or 126, as in a shell. Without a main
    /// process this is an error of the kind [`Unsupported`](crate::ErrorKind::Unsupported), and if
    /// the environment already runs, of the kind [`Conflict`](crate::ErrorKind::Conflict).
    pub async fn start_attached(&self) -> Result<Execution> {
        self.explained(self.shared().start_attached().await).await
    }

    /// Starts it without waiting until it is ready.
    pub(crate) async fn start_only(&self) -> Result<()> {
        self.explained(self.shared().start_only().await).await
    }

    /// Begins the health check and the restarts of its specification, after
    /// [`start_only`](Self::start_only).
    pub(crate) async fn supervise(&self) -> Result<()> {
        let check = supervise::check(self.shared()).await;
        let check = check.map_err(|error| error.during("start the environment", self.name()))?;
        supervise::begin(self.shared(), check);
        Ok(())
    }

    /// Ends every process: asks them to end, and kills those that still run after `grace`. Files
    /// stay, and the environment can be started again. Does nothing if it is stopped.
    pub async fn stop(&self, grace: Duration) -> Result<()> {
        self.shared().supervision.end().await;
        self.shared().stop(grace).await
    }

    /// Ends the supervision by this process; the main process runs on. From now on, it is not
    /// restarted after its end, and its health is not checked. The next start begins the
    /// supervision again.
    pub async fn end_supervision(&self) {
        self.shared().supervision.end().await;
    }

    /// How long a stop that names no time waits before it kills processes:
    /// [`EnvironmentSpec::stop_grace`](crate::EnvironmentSpec::stop_grace), or 10 seconds.
    pub fn stop_grace(&self) -> Duration {
        self.spec().stop_grace.unwrap_or(STOP_GRACE)
    }

    /// Stops and starts it.
    pub async fn restart(&self, grace: Duration) -> Result<()> {
        self.stop(grace).await?;
        self.start().await
    }

    /// Sends a signal to the main process. [`Signal::Kill`] ends every process, and the environment
    /// is stopped afterwards; without a main process it is the only signal.
    pub async fn kill(&self, signal: Signal) -> Result<()> {
        if matches!(signal, Signal::Kill | Signal::Terminate) {
            self.shared().supervision.end().await;
        }
        self.shared().kill(signal).await
    }

    /// Waits until the main process exits. Without a main process, this is an error of the kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    pub async fn wait(&self) -> Result<ExitStatus> {
        self.shared().wait().await
    }

    /// Waits until the condition is true, at most for `timeout`. It is checked immediately, and
    /// again after short pauses.
    ///
    /// # Errors
    ///
    /// [`NotReady`](crate::NotReady) is the source of the error if the condition does not become
    /// true: after the timeout, or at once if the main process exits.
    pub async fn wait_until(&self, condition: &WaitFor, timeout: Duration) -> Result<()> {
        self.explained(self.shared().wait_until(condition, timeout).await)
            .await
    }

    /// Runs a command without events, so that the engine is prepared for the next command.
    pub(crate) async fn warm(&self, command: &Command) -> Result<()> {
        let output = self.shared().begin_command(command).await?.output().await;
        output.map(drop)
    }

    /// Waits until it is ready, if its specification has a condition.
    pub(crate) async fn ready(&self) -> Result<()> {
        self.explained(self.shared().wait_ready().await).await
    }

    /// The address of a published TCP port for this machine. An engine may choose another port of
    /// the host at each start.
    ///
    /// ```no_run
    /// # async fn demo(environment: isolation::Environment) -> isolation::Result<()> {
    /// let web = environment.endpoint(80).await?;
    /// println!("http://{web}/");
    /// # Ok(()) }
    /// ```
    pub async fn endpoint(&self, port: u16) -> Result<Endpoint> {
        self.shared().endpoint(port, Protocol::Tcp).await
    }

    /// Starts a command and returns its output as a stream. A program that cannot be run exits with
    /// code 127 or 126, as in a shell; an error means that the engine failed.
    ///
    /// Background processes of the command run until the environment is stopped or destroyed.
    pub async fn execute(&self, command: Command) -> Result<Execution> {
        self.explained(self.shared().execute(command).await).await
    }

    /// Runs a command until it exits and collects its output.
    pub async fn run(&self, command: Command) -> Result<CommandOutput> {
        self.execute(command).await?.output().await
    }

    /// Copies a file or directory in. `target` is the path of the copy; missing parent directories
    /// are created. A file replaces a file, a directory is merged into a directory. Permissions are
    /// kept, also those of the directory `target` if it exists. If `source` is a link, its target
    /// is copied; links inside a directory are copied as links. Sockets, pipes and devices are
    /// rejected.
    pub async fn copy_in(&self, source: CopySource, target: &str) -> Result<()> {
        self.shared().copy_in(source, target).await
    }

    /// Copies a file or directory out, by the same rules; `target` is the path of the copy.
    pub async fn copy_out(&self, source: &str, target: impl AsRef<Path>) -> Result<()> {
        self.shared().copy_out(source, target.as_ref()).await
    }

    /// The kind of the file at a path in it; `None` if it does not exist. Links are followed.
    pub async fn file_kind(&self, path: &str) -> Result<Option<FileKind>> {
        self.shared().file_kind(path).await
    }

    /// Ends every process in it and removes everything that the engine created for it. A second
    /// call succeeds; after an error, it can be called again.
    ///
    /// # Errors
    ///
    /// An error of the kind [`Timeout`](crate::ErrorKind::Timeout) if the engine hangs: see
    /// [`ManagerOptions::cleanup_timeout`](crate::ManagerOptions::cleanup_timeout). The kind is
    /// [`Conflict`](crate::ErrorKind::Conflict) while other environments of this process have its
    /// network, on Podman and if it is kept those of any process; then it goes on as before.
    pub async fn destroy(&self) -> Result<()> {
        self.shared().destroy().await
    }

    /// Destroys it as far as possible without awaiting: for guards, also outside a runtime. It
    /// never panics, and does nothing if the environment is already destroyed.
    pub fn destroy_blocking(&self) {
        self.shared().destroy_blocking();
    }
}

#[cfg(test)]
mod tests;
