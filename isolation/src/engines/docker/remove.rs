//! Removes containers, and waits until they are gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::{Docker, Timeouts};
use tokio::time::{Instant, sleep};

use super::busy::{self, Busy};
use super::cleanup::{self, Job};
use super::dependents;
use super::diagnostics::to_error;
use super::made_id::MadeId;
use crate::creator::Creator;
use crate::environment::end_timeout::{answered, drop_limit};
use crate::environment::name::Name;
use crate::journal::{Hold, Journal};

/// How long a removal is retried.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a removal is retried if other containers have the network of this one, and this process
/// does not remove them: another process may be doing so.
const DEPENDENTS_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a container that may still appear is looked for.
const MAY_APPEAR: Duration = Duration::from_secs(5);

const LONGEST_PAUSE: Duration = Duration::from_millis(500);

const THOROUGH: RemoveContainer = RemoveContainer {
    volumes: true,
    force: true,
    link: false,
};

/// Removes a container with its anonymous volumes, by name or ID, and returns when it is gone.
///
/// A container that does not exist (404) is a success. If another removal is in progress (409),
/// this waits for its end.
pub(super) async fn remove(docker: &Docker, container: &str) -> engine_api::Result<()> {
    let _busy = Busy::with(&[container.to_owned()]);
    attempt(docker, container, Absence::default()).await.map(drop)
}

/// The same for a container that somebody else may have renamed.
pub(super) async fn remove_made(docker: &Docker, container: &str, made: &MadeId) -> engine_api::Result<()> {
    let _busy = busy_with(made);
    attempt_made(docker, container, made, Absence::default()).await
}

/// How long a missing container or a missing daemon is retried.
#[derive(Debug, Clone, Copy, Default)]
struct Absence {
    container: Duration,
    engine: Duration,
}

/// Marks a container as one that this process removes.
fn busy_with(made: &MadeId) -> Busy {
    Busy::with(made.get().as_slice())
}

async fn attempt_made(
    docker: &Docker,
    container: &str,
    made: &MadeId,
    absence: Absence,
) -> engine_api::Result<()> {
    let found = attempt(docker, container, absence).await?;
    match made.get().filter(|_| !found) {
        Some(id) => attempt(docker, &id, Absence::default()).await.map(drop),
        None => Ok(()),
    }
}

/// Returns whether there was a container.
async fn attempt(docker: &Docker, container: &str, absence: Absence) -> engine_api::Result<bool> {
    let began = Instant::now();
    let docker = docker.clone().with_timeouts(Timeouts {
        total: Some(RETRY_TIMEOUT),
        ..*docker.timeouts()
    });
    let (mut pause, mut resumed, mut found) = (Duration::from_millis(5), false, false);
    let mut last_busy = began;
    loop {
        let error = match docker.containers().remove(container, THOROUGH).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        let over = began.elapsed();
        if error.is_not_found() {
            if over >= absence.container {
                return Ok(found);
            }
        } else if error.is_unreachable() {
            if over >= absence.engine {
                return Err(error);
            }
        } else if gives_up(&error, over, &mut last_busy) {
            // A conflict: another removal is in progress. Podman does not kill a paused container.
            if resumed || docker.containers().unpause(container).await.is_err() {
                return Err(error);
            }
            resumed = true;
        } else {
            found = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether a removal that has failed with this error is not retried. `last_busy` is when this
/// process was last seen to remove a container that must be removed first.
fn gives_up(error: &engine_api::Error, over: Duration, last_busy: &mut Instant) -> bool {
    if dependents::are_busy(&dependents::of(error)) {
        *last_busy = Instant::now();
    }
    match dependents::are_cause(error) {
        true => over >= RETRY_TIMEOUT || last_busy.elapsed() >= DEPENDENTS_TIMEOUT,
        false => over >= RETRY_TIMEOUT || !(error.is_conflict() || error.is_transient()),
    }
}

/// A container that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    docker: Docker,
    /// The name.
    container: Arc<Name>,
    made_id: Arc<MadeId>,
    /// The names with which this process is busy during a removal.
    names: Vec<String>,
    /// The container may still appear after the first look: it is being created.
    may_appear: Option<Busy>,
    armed: bool,
    creator: Creator,
    journal: Journal,
    /// Keeps the journal entry while the container may exist.
    hold: Option<Hold>,
}

impl Guard {
    /// Guards a container that is about to be created.
    pub(super) fn expecting(docker: &Docker, body: &CreateContainer, journal: &Journal) -> Self {
        let names = busy::names_of(body);
        Self {
            hold: Some(journal.hold()),
            journal: journal.clone(),
            docker: docker.clone(),
            container: Arc::new(body.name.clone().unwrap_or_default().into()),
            made_id: Arc::default(),
            may_appear: Some(Busy::with(&names)),
            names,
            armed: true,
            creator: Creator::this_process(),
        }
    }

    /// For a container that outlives this value.
    pub(super) fn disarmed(docker: &Docker, container: (&str, &str), journal: &Journal) -> Self {
        let (name, id) = container;
        Self {
            hold: None,
            journal: journal.clone(),
            docker: docker.clone(),
            container: Arc::new(name.to_owned().into()),
            made_id: Arc::new(MadeId::of(id)),
            may_appear: None,
            names: Vec::new(),
            armed: false,
            creator: Creator::this_process(),
        }
    }

    /// Records that the container was created.
    pub(super) fn made(&mut self, id: &str) {
        self.may_appear = None;
        self.made_id.set(Some(id.to_owned()));
    }

    /// The ID of the container, which changes if it is made anew.
    pub(super) fn made_id(&self) -> Arc<MadeId> {
        Arc::clone(&self.made_id)
    }

    /// The name of the container.
    pub(super) fn container(&self) -> &str {
        self.container.current()
    }

    /// The journal of the environment.
    #[cfg(unix)]
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The name of the container, which can change.
    pub(super) fn name(&self) -> Arc<Name> {
        Arc::clone(&self.container)
    }

    /// Removes the container and returns when it is gone. After an error, the drop tries again.
    pub(super) async fn remove(mut self) {
        let removed = remove_made(&self.docker, self.container(), &self.made_id).await;
        if removed.is_ok() {
            self.disarm();
        }
    }

    /// From now on, dropping this does not remove the container.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
        if let Some(hold) = self.hold.take() {
            hold.gone();
        }
    }

    /// Removes the container without awaiting it, see [`cleanup::run`], and returns whether it is
    /// gone already. A daemon that does not answer is tried for `limit`: it may be restarting. From
    /// now on, dropping this does not remove it.
    pub(super) fn remove_in_background(&mut self, limit: Duration) -> bool {
        let gone = Arc::new(AtomicBool::new(false));
        self.run_cleanup(Duration::ZERO, limit, Arc::clone(&gone));
        self.armed = false;
        gone.load(Ordering::Acquire)
    }

    fn run_cleanup(&mut self, may_appear: Duration, limit: Duration, gone: Arc<AtomicBool>) {
        let hold = self.hold.take().unwrap_or_else(|| self.journal.hold());
        if !limit.is_zero() {
            let held = (hold, Busy::with(&self.names));
            let container = (self.container(), self.made_id());
            let job = job(&self.docker, container, may_appear, limit, gone, held);
            cleanup::run_within(RETRY_TIMEOUT, job);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed && self.creator.is_this_process() {
            let may_appear = match self.may_appear {
                Some(_) => MAY_APPEAR,
                None => Duration::ZERO,
            };
            self.run_cleanup(may_appear, drop_limit(), Arc::default());
        }
    }
}

fn job(
    docker: &Docker,
    (container, made_id): (&str, Arc<MadeId>),
    may_appear: Duration,
    limit: Duration,
    gone: Arc<AtomicBool>,
    held: (Hold, Busy),
) -> Job {
    let (docker, container) = (docker.clone(), container.to_owned());
    let held = Arc::new(Mutex::new(Some(held)));
    let began = Instant::now();
    Arc::new(move || {
        let (docker, container, made_id) = (docker.clone(), container.clone(), Arc::clone(&made_id));
        let (gone, held) = (Arc::clone(&gone), Arc::clone(&held));
        // A job that goes on in a thread does not begin its limit anew.
        let limit = limit.saturating_sub(began.elapsed());
        Box::pin(async move {
            let absence = Absence {
                container: may_appear,
                engine: limit,
            };
            let removal = async {
                let _busy = busy_with(&made_id);
                let removed = attempt_made(&docker, &container, &made_id, absence).await;
                removed.map_err(to_error)
            };
            let answers = || async { docker.system().ping().await.is_ok() };
            // There is no caller to report an error to; a container that is left is still listed.
            let removed = answered(limit, removal, answers).await;
            gone.store(removed.is_ok(), Ordering::Release);
            let held = held.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let (Ok(()), Some((hold, _))) = (removed, held) {
                hold.gone();
            }
        })
    })
}
