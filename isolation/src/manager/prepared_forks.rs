//! Forks that are made ahead, so that a test gets one at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

use super::Manager;
use super::fork::{ForkOptions, MOST, check_lifetime};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::engine::forks::ForkPoint;
use crate::environment::paused::Paused;
use crate::environment::{Environment, checks};
use crate::error::{Error, Result};
use crate::spec::lifetime::Lifetime;

/// Forks of one state of an environment, some of them made ahead: [`Manager::prepare_forks`].
/// Dropping it destroys those that were not taken.
#[derive(Debug)]
pub struct PreparedForks {
    making: Arc<Making>,
    filling: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Making {
    manager: Manager,
    /// The environment whose specification the forks have.
    environment: Environment,
    point: ForkPoint,
    options: ForkOptions,
    ahead: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Environment>,
    made: usize,
    closed: bool,
}

impl Manager {
    /// Notes the state of an environment, and makes and starts forks of it, until `ahead` are
    /// ready. [`PreparedForks::take`] returns one of them, and the next one is made in the
    /// background. They do not see later changes of the environment.
    ///
    /// ```no_run
    /// # use isolation::{Environment, Manager, Result};
    /// # async fn demo(manager: Manager, database: Environment) -> Result<()> {
    /// let databases = manager.prepare_forks(&database, 4, Default::default()).await?;
    /// let mine = databases.take().await?; // within milliseconds
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`fork`](Self::fork); a kept fork cannot be made ahead.
    pub async fn prepare_forks(
        &self,
        environment: &Environment,
        ahead: usize,
        options: ForkOptions,
    ) -> Result<PreparedForks> {
        let prepared = Box::pin(self.begin_forks(environment, ahead, options)).await;
        let shared = environment.shared();
        shared
            .report("prepare forks of the environment", shared.name(), prepared)
            .await
    }

    async fn begin_forks(
        &self,
        environment: &Environment,
        ahead: usize,
        options: ForkOptions,
    ) -> Result<PreparedForks> {
        if ahead == 0 || ahead > MOST {
            return Err(Error::invalid(format!(
                "{ahead} forks cannot be made ahead; write 1 to {MOST}"
            )));
        }
        check_lifetime(options.lifetime)?;
        if options.lifetime == Lifetime::Kept {
            let why = "a fork that is made ahead cannot be kept before it is taken; keep it afterwards";
            return Err(Error::invalid(why));
        }
        checks::exists(environment.status())?;
        let Some(forks) = environment.shared().instance.forks() else {
            return Err(environment.shared().no_facet(Feature::Snapshots));
        };
        let mut original = environment.clone();
        let paused = Paused::begin(environment).await?;
        let noted = async {
            let point = forks.fork_point().await?;
            match point.is_lasting() {
                true => Ok((point, None)),
                // An unused fork keeps the state.
                false => {
                    let options = ForkOptions::default();
                    let kept = self.fork_one(environment, &point, 0, &options).await?;
                    Ok((point, Some(kept)))
                }
            }
        };
        let noted: Result<_> = noted.await;
        paused.end(environment).await?;
        let (mut point, kept) = noted?;
        if let Some(kept) = kept {
            point = point_of_unused(&kept).await?;
            original = kept;
        }
        let making = Making {
            manager: self.for_task(),
            environment: original,
            point,
            options,
            ahead,
            state: Mutex::default(),
        };
        let forks = PreparedForks {
            making: Arc::new(making),
            filling: Mutex::default(),
        };
        forks.making.fill().await?;
        Ok(forks)
    }
}

/// The state of an environment that was never started.
async fn point_of_unused(environment: &Environment) -> Result<ForkPoint> {
    let shared = environment.shared();
    let forks = shared.instance.forks();
    let forks = forks.ok_or_else(|| shared.no_facet(Feature::Snapshots))?;
    forks.fork_point().await
}

impl PreparedForks {
    /// Takes a fork that is ready, or makes one.
    pub async fn take(&self) -> Result<Environment> {
        let taken = self.making.lock().ready.pop_front();
        let taken = match taken {
            Some(ready) => ready,
            None => self.making.next().await?,
        };
        self.fill_in_background();
        Ok(taken)
    }

    /// How many are ready now.
    pub fn ready(&self) -> usize {
        self.making.lock().ready.len()
    }

    fn fill_in_background(&self) {
        let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        if filling.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let making = Arc::clone(&self.making);
        // An error is an event; the next call makes one itself.
        *filling = Some(tokio::spawn(async move { drop(making.fill().await) }));
    }
}

impl Drop for PreparedForks {
    fn drop(&mut self) {
        let mut state = self.making.lock();
        state.closed = true;
        let ready = std::mem::take(&mut state.ready);
        drop(state);
        // Their guards destroy them.
        drop(ready);
    }
}

impl Making {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes forks until enough are ready.
    async fn fill(&self) -> Result<()> {
        loop {
            if self.is_full() {
                return Ok(());
            }
            let made = self.next().await?;
            if let Some(surplus) = self.put(made) {
                return surplus.destroy().await;
            }
        }
    }

    /// Puts in a fork; returns it if the forks were dropped.
    fn put(&self, made: Environment) -> Option<Environment> {
        let mut state = self.lock();
        if state.closed {
            return Some(made);
        }
        state.ready.push_back(made);
        None
    }

    fn is_full(&self) -> bool {
        let state = self.lock();
        state.closed || state.ready.len() >= self.ahead
    }

    /// Makes and starts a fork, and opens what its first command needs.
    async fn next(&self) -> Result<Environment> {
        let number = {
            let mut state = self.lock();
            state.made += 1;
            state.made
        };
        let (manager, options) = (&self.manager, &self.options);
        let made = manager.fork_one(&self.environment, &self.point, number, options);
        let started = manager.started(made.await?).await?;
        match started.warm(&Command::shell(":")).await {
            Ok(()) => Ok(started),
            Err(error) => {
                // The first error is returned; the other one is an event.
                let _ = started.destroy().await;
                Err(error)
            }
        }
    }
}
