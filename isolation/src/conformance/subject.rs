//! Helpers of the checks: the engine under test, and assertions.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::Command;
use crate::command::execution::{Chunk, Execution};
use crate::engine::Engine;
use crate::engine::capabilities::Capabilities;
use crate::environment::Environment;
use crate::environment::id::random_hex;
use crate::manager::Manager;
use crate::manager::registry::{EngineChoice, Registry, Selection};
use crate::spec::EnvironmentSpec;
use crate::{ErrorKind, Result};

/// The engine under test, with its own manager.
pub(super) struct Subject<'a> {
    pub(super) manager: Manager,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) capabilities: Capabilities,
    pub(super) make_spec: &'a (dyn Fn() -> EnvironmentSpec + Sync),
}

/// Why a check failed.
pub(super) struct Why(pub(super) String);

pub(super) type Outcome = std::result::Result<(), Why>;

impl<E: std::error::Error> From<E> for Why {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

impl<'a> Subject<'a> {
    pub(super) async fn new(
        engine: Arc<dyn Engine>,
        make_spec: &'a (dyn Fn() -> EnvironmentSpec + Sync),
    ) -> Result<Self> {
        Ok(Self {
            manager: manager(&engine)?,
            capabilities: engine.probe().await.capabilities,
            engine,
            make_spec,
        })
    }

    /// A manager that does not know the environments of other managers, like in another process.
    pub(super) fn other_manager(&self) -> Result<Manager> {
        manager(&self.engine)
    }

    /// The engine of the manager, chosen for a specification without requirements.
    async fn selection(&self) -> Result<Selection> {
        let choice = EngineChoice::Named(self.engine.name().to_owned());
        let plain = EnvironmentSpec::default();
        self.manager.select(&choice, &plain).await
    }

    /// Creates an environment that is not started.
    pub(super) async fn create(&self, spec: EnvironmentSpec) -> Result<Environment> {
        let selection = self.selection().await?;
        self.manager.create_unstarted(&selection, spec).await
    }

    /// Creates and starts an environment.
    pub(super) async fn environment(&self) -> Result<Environment> {
        let environment = self.create((self.make_spec)()).await?;
        environment.start().await?;
        Ok(environment)
    }

    /// The number of environments of a session that the engine lists.
    pub(super) async fn of_session(&self, session: &str) -> Result<usize> {
        let listed = self.engine.list().await?;
        let of_it = |summary: &&crate::EnvironmentSummary| summary.session.as_deref() == Some(session);
        Ok(listed.iter().filter(of_it).count())
    }

    /// Whether the engine lists an environment with this ID.
    pub(super) async fn lists(&self, environment: &crate::EnvironmentId) -> Result<bool> {
        let listed = self.engine.list().await?;
        Ok(listed.iter().any(|summary| summary.id == *environment))
    }
}

fn manager(engine: &Arc<dyn Engine>) -> Result<Manager> {
    let mut registry = Registry::new();
    registry.register_shared(Arc::clone(engine))?;
    Ok(Manager::new(registry))
}

/// Runs a script that must succeed; returns its output without the last newline.
pub(super) async fn sh(environment: &Environment, script: &str) -> std::result::Result<String, Why> {
    let output = environment.run(Command::shell(script)).await?;
    match output.exit.success() {
        true => Ok(output.stdout_text().trim_end_matches('\n').to_owned()),
        false => Err(Why(format!(
            "`{script}`: {}: {}",
            output.exit,
            output.stderr_text()
        ))),
    }
}

pub(super) fn ensure(truth: bool, otherwise: impl Into<String>) -> Outcome {
    match truth {
        true => Ok(()),
        false => Err(Why(otherwise.into())),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a check reads best without a & before every value"
)]
pub(super) fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    ensure(
        found == expected,
        format!("{what}: found {found:?}, expected {expected:?}"),
    )
}

/// Checks that a call fails with an error of this kind.
pub(super) fn refused<T>(what: &str, result: Result<T>, kind: ErrorKind) -> Outcome {
    match result {
        Ok(_) => Err(Why(format!("{what} is accepted"))),
        Err(error) => equal(what, error.kind(), kind),
    }
}

/// Reads output until `wanted` was written to standard output; returns all output so far.
pub(super) async fn read_until(execution: &mut Execution, wanted: &str) -> std::result::Result<String, Why> {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        match execution.next().await? {
            Some(Chunk::Stdout(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            Some(Chunk::Stderr(_)) => {}
            None => return Err(Why(format!("the output ended before {wanted:?}: {seen:?}"))),
        }
    }
    Ok(seen)
}

/// Waits until a process ends; `pid` is its PID inside the environment.
pub(super) async fn wait_until_gone(environment: &Environment, pid: &str) -> Outcome {
    // A zombie has exited: its parent has not waited for it yet.
    let script = format!(
        "kill -0 {pid} 2>/dev/null || exit 0; \
         [ -r /proc/{pid}/stat ] || exit 1; \
         sed 's/.*) //' /proc/{pid}/stat 2>/dev/null | grep -q '^[RSDTt]' && exit 1; exit 0"
    );
    while !environment
        .run(Command::shell(script.clone()))
        .await?
        .exit
        .success()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A temporary directory on the host.
pub(super) struct HostDirectory(pub(super) PathBuf);

impl HostDirectory {
    pub(super) fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("conformance-{}", random_hex()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn file(&self, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }
}

impl Drop for HostDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
