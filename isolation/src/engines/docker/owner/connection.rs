//! The owner's end of the connection.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine_api::containers::AttachContainer;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Hijacked, Input, Output};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::scripts::{KEEP, LEASE};
use crate::engine::context::Context;
use crate::engines::docker::container::ContainerRef;
use crate::events::{EventKind, Subject};

/// The pauses between two questions to a daemon that does not answer: two minutes in all.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The connection that ends with this process. It is held here and not in a task: the end of a
/// runtime must not end the container.
#[derive(Debug)]
pub(in crate::engines::docker) struct OwnerConnection {
    container: ContainerRef,
    context: Context,
    subject: Subject,
    held: Arc<Mutex<Held>>,
    /// Whether the container is to outlive this process.
    kept: AtomicBool,
}

/// The connection of the current run of the container.
#[derive(Debug, Default)]
struct Held {
    input: Option<Input>,
    /// Dropped at the intended end of the connection. The task that reads the connection ends then:
    /// old daemons never close a connection whose input has ended after its container.
    intended_end: Option<oneshot::Sender<Infallible>>,
    /// Whether the container is being removed, which ends the connection. If the removal is
    /// refused, the connection goes on.
    removing: bool,
    /// Counts connections and their intended ends.
    number: u64,
}

impl OwnerConnection {
    pub(in crate::engines::docker) fn new(
        container: ContainerRef,
        context: Context,
        subject: Subject,
    ) -> Self {
        Self {
            container,
            context,
            subject,
            held: Arc::default(),
            kept: AtomicBool::new(false),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engines::docker) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Connects to the input of process 1, before its start.
    pub(in crate::engines::docker) async fn attach(&self) -> engine_api::Result<()> {
        let options = AttachContainer {
            stdin: true,
            stdout: false,
            stderr: false,
            ..AttachContainer::default()
        };
        let containers = self.container.docker.containers();
        let attaching = self.container.call(|name| {
            let options = options.clone();
            async move { containers.attach(&name, options).await }
        });
        let Hijacked { input, output } = attaching.await?;
        self.watch(self.hold(input), output);
        Ok(())
    }

    /// Starts an exec that reads a connection and kills every process at its end.
    pub(in crate::engines::docker) async fn lease(&self, shell: &str) -> engine_api::Result<()> {
        let lease = CreateExec {
            cmd: [shell, "-c", LEASE].into(),
            attach_stdin: true,
            // The container's user may not signal every process.
            user: self.container.control_user.to_owned(),
            ..CreateExec::default()
        };
        let execs = self.container.docker.execs();
        let creating = self.container.call(|name| {
            let lease = lease.clone();
            async move { execs.create(&name, lease).await }
        });
        let created = creating.await?;
        let Hijacked { input, output } = execs.start(&created.id, StartExec::default()).await?;
        self.watch(self.hold(input), output);
        Ok(())
    }

    /// Holds the input of a connection, and returns its number.
    pub(in crate::engines::docker) fn hold(&self, input: Input) -> u64 {
        let mut held = self.held();
        held.number += 1;
        held.input = Some(input);
        held.intended_end = None;
        held.removing = false;
        held.number
    }

    /// Sets whether the container is being removed: the end of the connection is no news then.
    pub(in crate::engines::docker) fn set_removing(&self, removing: bool) {
        self.held().removing = removing;
    }

    /// The end of the connection is intended from now on: the container is being ended or started.
    pub(in crate::engines::docker) fn release(&self) {
        let mut held = self.held();
        held.number += 1;
        held.input = None;
        held.intended_end = None;
    }

    /// Ends the link: the container outlives this process. Returns whether there was a connection.
    pub(in crate::engines::docker) async fn keep(&self) -> engine_api::Result<bool> {
        self.kept.store(true, Ordering::Release);
        let held = self.held().input.take();
        self.release();
        let Some(mut input) = held else {
            return Ok(false);
        };
        input.write(KEEP).await.map(|()| true)
    }

    /// Reports the end of the connection while the container runs: the daemon was restarted. From
    /// then on the end of this process does not end the container by itself.
    fn watch(&self, number: u64, mut output: Output) {
        let (container, held) = (self.container.clone(), Arc::downgrade(&self.held));
        let (context, subject) = (self.context.clone(), self.subject.clone());
        let (sender, intended_end) = oneshot::channel();
        {
            let mut held = self.held();
            if held.number != number {
                return;
            }
            held.intended_end = Some(sender);
        }
        tokio::spawn(async move {
            let ended = async { while let Some(Ok(_)) = output.next().await {} };
            tokio::select! {
                () = ended => {}
                _ = intended_end => return,
            }
            let current = || {
                let held = held.upgrade();
                held.is_some_and(|held| {
                    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    held.number == number && !held.removing
                })
            };
            // A daemon that is restarted does not answer for a while.
            let mut pause = SHORTEST_PAUSE;
            while current() {
                match container.inspect().await {
                    Err(error) if error.is_unreachable() && pause <= LONGEST_PAUSE => {
                        sleep(pause).await;
                        pause *= 2;
                    }
                    found => {
                        // Asked again: it may have been started anew meanwhile.
                        if found.is_ok_and(|found| found.state.running) && current() {
                            context.emit(subject, EventKind::OwnerConnectionLost);
                        }
                        return;
                    }
                }
            }
        });
    }
}
