//! Forks an environment.

use super::Manager;
use super::kept::all_kept_if_asked;
use super::origin::Origin;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::forks::ForkPoint;
use crate::environment::paused::Paused;
use crate::environment::{Environment, checks};
use crate::error::{Error, Result};
use crate::join::{all, both};
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;

/// The maximum number of environments per call.
pub(super) const MOST: usize = 100;

/// How to fork an environment: [`Manager::fork`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForkOptions {
    /// The prefix of the names of the forks; a number follows. Without it, the name of each fork
    /// comes from its ID.
    pub name: Option<String>,
    /// The lifetime of the forks.
    pub lifetime: Lifetime,
}

/// Rejects the lifetime of environments that many processes use.
pub(super) fn check_lifetime(lifetime: Lifetime) -> Result<()> {
    match lifetime {
        Lifetime::Shared => Err(Error::invalid(
            "a fork cannot be shared; keep it, or let its owner remove it",
        )),
        _ => Ok(()),
    }
}

impl Manager {
    /// Creates and starts `count` environments with copies of the current files and volumes of this
    /// one. The environment may run. An engine that can pause it pauses it during the call; on
    /// other engines no program should write at that time. Programs start again in the forks.
    /// Either all forks are created, or none.
    ///
    /// ```no_run
    /// # use isolation::{Environment, Manager, Result};
    /// # async fn demo(manager: Manager, database: Environment) -> Result<()> {
    /// // Loaded with data once; each test has its own database.
    /// for copy in manager.fork(&database, 8, Default::default()).await? {
    ///     println!("{}", copy.endpoint(5432).await?);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](crate::ErrorKind::Unsupported) if the engine cannot fork, and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `count` is 0 or more than 100.
    pub async fn fork(
        &self,
        environment: &Environment,
        count: usize,
        options: ForkOptions,
    ) -> Result<Vec<Environment>> {
        let (shared, operation) = (environment.shared(), "fork the environment");
        let forked = Box::pin(self.fork_all(environment, count, &options)).await;
        let forked = forked.map_err(|e| e.part_of("create the environment", operation, shared.name()));
        shared.report(operation, shared.name(), forked).await
    }

    async fn fork_all(
        &self,
        environment: &Environment,
        count: usize,
        options: &ForkOptions,
    ) -> Result<Vec<Environment>> {
        if count == 0 || count > MOST {
            return Err(Error::invalid(format!(
                "{count} forks are not possible; write 1 to {MOST}"
            )));
        }
        check_lifetime(options.lifetime)?;
        let shared = environment.shared();
        checks::exists(shared.status())?;
        let Some(forks) = shared.instance.forks() else {
            return Err(shared.no_facet(Feature::Snapshots));
        };
        // All forks have the files and volumes of the same moment.
        let paused = Paused::begin(environment).await?;
        let point = forks.fork_point().await;
        let numbers = 1..=count;
        let made = match point {
            Err(error) => {
                paused.end(environment).await?;
                return Err(error);
            }
            // The environment goes on while its forks are made.
            Ok(point) if point.is_lasting() => {
                let point = &point;
                let making = numbers.map(|number| -> BoxFuture<'_, Result<Environment>> {
                    Box::pin(async move {
                        let made = self.fork_one(environment, point, number, options).await?;
                        self.started(made).await
                    })
                });
                // After an error, the drop destroys the forks that were created.
                let (resumed, made) = both(paused.end(environment), all(making.collect())).await;
                resumed?;
                made?
            }
            Ok(point) => {
                let making = numbers.map(|number| -> BoxFuture<'_, Result<Environment>> {
                    Box::pin(self.fork_one(environment, &point, number, options))
                });
                let created = all(making.collect()).await;
                paused.end(environment).await?;
                let starting = created?
                    .into_iter()
                    .map(|fork| -> BoxFuture<'_, Result<Environment>> { Box::pin(self.started(fork)) });
                all(starting.collect()).await?
            }
        };
        all_kept_if_asked(made).await
    }

    pub(super) async fn fork_one(
        &self,
        environment: &Environment,
        point: &ForkPoint,
        number: usize,
        options: &ForkOptions,
    ) -> Result<Environment> {
        let name = options.name.as_ref().map(|name| format!("{name}-{number}"));
        let spec = EnvironmentSpec {
            name,
            lifetime: options.lifetime,
            session: None,
            // The copies are already part of the files.
            copies: Vec::new(),
            ..environment.spec().clone()
        };
        let engine = self.registry().get(environment.engine())?;
        let capabilities = environment.shared().capabilities.clone();
        let selection = super::registry::Selection {
            engine,
            capabilities,
            rejected: Vec::new(),
        };
        self.create_from(&selection, spec, Origin::Fork(point)).await
    }

    /// Starts a new environment, and destroys it if that fails.
    pub(super) async fn started(&self, environment: Environment) -> Result<Environment> {
        if let Err(error) = environment.start().await {
            // This function can await; the drop of the guard cannot.
            let _ = environment.destroy().await;
            return Err(error);
        }
        Ok(environment)
    }
}
