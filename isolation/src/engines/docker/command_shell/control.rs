//! A second shell of a container, which kills what the others run.
//!
//! It uses builtins only, so it works when the container cannot start another process.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::marks::{Mark, Marks, Piece, Scanner};
use super::shell::{NoShell, Shell};
use crate::command::signal::Signal;
use crate::engines::docker::container::ContainerRef;

/// How long a kill may take. A daemon that hangs delivers neither output nor the kill.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The control shell of a container; opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct ControlShell(Mutex<Option<Shell>>);

/// A command that a shell runs: the shell's PID, and the PID of the command's first process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) shell: u32,
    pub(super) leader: u32,
}

impl ControlShell {
    /// Opens it, so that a kill needs no new process later.
    pub(super) async fn open(&self, container: &ContainerRef, marks: &Marks) -> Result<(), NoShell> {
        let mut slot = self.0.lock().await;
        let shell = ready(slot.take(), container, marks).await?;
        *slot = Some(shell);
        Ok(())
    }

    /// Sends a signal to a command: `Kill` to all its processes, another one to its process group.
    /// Returns whether that was done.
    pub(super) async fn signal(
        &self,
        container: &ContainerRef,
        marks: &Marks,
        target: Target,
        signal: Signal,
    ) -> bool {
        let Target { shell, leader } = target;
        let text = match signal {
            Signal::Kill => format!("isolate_kill {shell} {leader}"),
            signal => format!("kill -{} -{leader}", signal.name()),
        };
        self.run(container, marks, &text).await
    }

    /// Kills a command and its shell. The shell is stopped first, so that it starts nothing that it
    /// has already read.
    pub(super) async fn abort(&self, container: &ContainerRef, marks: &Marks, target: Target) -> bool {
        let Target { shell, leader } = target;
        let text = format!("kill -STOP {shell}; isolate_kill {shell} {leader}; kill -9 {shell}");
        self.run(container, marks, &text).await
    }

    async fn run(&self, container: &ContainerRef, marks: &Marks, text: &str) -> bool {
        let work = async {
            let mut slot = self.0.lock().await;
            // Taken out: a shell whose answer was not read is not used again.
            let mut shell = ready(slot.take(), container, marks).await.ok()?;
            answer(&mut shell, &marks.next(), text).await?;
            *slot = Some(shell);
            Some(())
        };
        timeout(TIMEOUT, work).await.ok().flatten().is_some()
    }
}

/// This shell if it is still open, otherwise a new one.
async fn ready(shell: Option<Shell>, container: &ContainerRef, marks: &Marks) -> Result<Shell, NoShell> {
    if let Some(mut shell) = shell {
        if shell.is_idle().await {
            return Ok(shell);
        }
    }
    Ok(Shell::open(container, marks, container.control_user).await?.0)
}

/// Runs a text and waits until it is done.
async fn answer(shell: &mut Shell, mark: &Mark, text: &str) -> Option<()> {
    let text = format!("{text}\necho {} done >&8\n", mark.as_str());
    shell.write(text.as_bytes()).await.ok()?;
    let (mut scanner, mut pieces) = (Scanner::new(mark), VecDeque::new());
    loop {
        if let engine_api::Chunk::Stdout(bytes) = shell.read().await.ok()?? {
            scanner.push(bytes, &mut pieces);
        }
        while let Some(piece) = pieces.pop_front() {
            if let Piece::Mark(_) = piece {
                return Some(());
            }
        }
    }
}
