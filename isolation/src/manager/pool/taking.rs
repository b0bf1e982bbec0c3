//! Takes environments from the pool.

use std::time::Duration;

use super::{Pool, goods, image_of, key_of};
use crate::environment::Environment;
use crate::environment::status::Status;
use crate::events::pool_miss::PoolMiss;
use crate::events::{EventKind, Subject};
use crate::manager::Manager;
use crate::manager::registry::{EngineChoice, Selection};
use crate::spec::EnvironmentSpec;

/// The timeout of the readiness test of a prepared environment before its use.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// An environment of the pool, or the reason of a miss.
type Taken = Result<Environment, PoolMiss>;

impl Manager {
    /// Remembers the engine that was chosen for an environment, for the next one from the pool.
    pub(in crate::manager) fn remember(
        &self,
        choice: &EngineChoice,
        spec: &EnvironmentSpec,
        selection: &Selection,
    ) {
        if let Some(pool) = &self.pool {
            pool.lock().remember(choice, spec, selection);
        }
    }

    /// Takes an environment from the pool for which an engine was chosen before. Its test shows
    /// that the engine answers, so the engine is not asked for that. `None` if none is prepared.
    pub(in crate::manager) async fn take_chosen(
        &self,
        choice: &EngineChoice,
        spec: &EnvironmentSpec,
    ) -> Option<Taken> {
        let pool = self.pool.as_ref()?;
        // The image of a build is known only after the build.
        if spec.build.is_some() || spec.validate().is_err() || self.tracked.check_open().is_err() {
            return None;
        }
        let selection = pool.lock().chosen(choice, spec)?;
        let key = key_of(&selection, spec).ok()?.ok()?;
        if !pool.lock().has(&key) {
            return None;
        }
        let taken = self.take_usable(pool, &key, &selection, spec).await;
        if let Ok(environment) = &taken {
            self.announce(&selection);
            self.has_taken(pool, environment, &selection, spec);
        }
        Some(taken)
    }

    /// Takes an environment from the pool, if it is enabled and contains a usable one. `missed` is
    /// the reason if that was tried already.
    pub(in crate::manager) async fn take_prepared(
        &self,
        selection: &Selection,
        spec: &EnvironmentSpec,
        missed: Option<PoolMiss>,
    ) -> Option<Environment> {
        let pool = self.pool.as_ref()?;
        let key = || key_of(selection, spec).unwrap_or(Err(PoolMiss::Engine));
        let taken = match missed.map_or_else(key, Err) {
            Ok(key) => self.take_usable(pool, &key, selection, spec).await,
            Err(reason) => Err(reason),
        };
        let reason = match taken {
            Ok(environment) => {
                self.has_taken(pool, &environment, selection, spec);
                return Some(environment);
            }
            Err(reason) => reason,
        };
        *pool.lock().stats.misses.entry(reason).or_default() += 1;
        let engine = selection.engine.name().to_owned();
        self.events
            .emit(Subject::Engine { engine }, EventKind::PoolMiss { reason });
        None
    }

    /// Counts a hit, and prepares the next environment.
    fn has_taken(
        &self,
        pool: &Pool,
        environment: &Environment,
        selection: &Selection,
        spec: &EnvironmentSpec,
    ) {
        pool.lock().stats.hits += 1;
        let subject = Subject::Environment {
            id: environment.id().clone(),
            name: environment.name().to_owned(),
            engine: environment.engine().to_owned(),
        };
        self.events.emit(subject, EventKind::PoolHit);
        self.fill_in_background(selection, spec);
    }

    /// Takes environments until one passes the tests; the others are destroyed. It still runs, is
    /// ready, and has the image that a new one would get.
    async fn take_usable(
        &self,
        pool: &Pool,
        key: &str,
        selection: &Selection,
        spec: &EnvironmentSpec,
    ) -> Taken {
        let mut reason = None;
        loop {
            let (taken, is_known) = pool.lock().take(key);
            let Some((environment, image)) = taken else {
                return Err(match (reason, is_known) {
                    (Some(reason), _) => reason,
                    (None, true) => PoolMiss::Empty,
                    // Or it is never prepared. The creation that follows reports an error of the
                    // engine.
                    (None, false) => match goods(selection, spec).await {
                        Ok(Ok(_)) => PoolMiss::FirstUse,
                        Ok(Err(reason)) => reason,
                        Err(_) => PoolMiss::Engine,
                    },
                });
            };
            // At the same time: each is a request of its own.
            let (now, usable) = tokio::join!(image_of(selection, spec), is_usable(&environment));
            let mut useless = match (now, usable) {
                (Ok(Some(now)), true) if now == image => return Ok(environment),
                (Ok(Some(now)), _) if now != image => {
                    reason = Some(PoolMiss::ImageChanged);
                    pool.lock().remove_with(key, &image)
                }
                (_, false) => {
                    reason = Some(PoolMiss::Unusable);
                    Vec::new()
                }
                // It may be the right one, but the engine does not say that.
                (_, true) => {
                    let refused = pool.lock().give_back(key, &image, environment);
                    if let Some(environment) = refused {
                        let _ = environment.destroy().await;
                    }
                    return Err(PoolMiss::Engine);
                }
            };
            useless.push(environment);
            pool.lock().stats.discarded += useless.len() as u64;
            for environment in useless {
                // An error is an event, and the environment stays in the journal.
                let _ = environment.destroy().await;
            }
        }
    }
}

/// Whether an environment still runs and is ready.
async fn is_usable(environment: &Environment) -> bool {
    let runs = match environment.inspect().await {
        Ok(state) => state.status == Status::Running,
        Err(_) => false,
    };
    match &environment.spec().ready {
        Some(ready) if runs => environment
            .wait_until(&ready.wait_for, TEST_TIMEOUT)
            .await
            .is_ok(),
        _ => runs,
    }
}
