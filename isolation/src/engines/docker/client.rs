//! The client of the daemon: named by the caller, or found on first use.

use engine_api::Docker;

use super::{DockerEngine, NAME, diagnostics};
use crate::error::{Error, Result};

impl DockerEngine {
    /// Sets what is done with the client that an engine without one finds on first use: it may get
    /// an observer ([`Docker::with_observer`]) or a user agent.
    #[must_use]
    pub fn with_found_client(mut self, prepare: fn(Docker) -> Docker) -> Self {
        self.prepare = Some(prepare);
        self
    }

    pub(super) async fn docker(&self) -> Result<&Docker> {
        let found = self.find_client().await;
        found.map_err(|error| {
            Error::unavailable(NAME, diagnostics::reason(&error), diagnostics::hint(&error, None))
        })
    }

    /// The client, which the first use looks for.
    pub(super) async fn find_client(&self) -> engine_api::Result<&Docker> {
        self.client.get_or_try_init(|| self.look_for_client()).await
    }

    async fn look_for_client(&self) -> engine_api::Result<Docker> {
        let docker = Docker::from_env().await?;
        Ok(match self.prepare {
            Some(prepare) => prepare(docker),
            None => docker,
        })
    }

    /// The caller or the variable that names the daemon. An unusable context names one, too.
    pub(super) fn named_by(&self) -> Option<String> {
        let broken = |_| Some("the docker command's configuration".to_owned());
        let by_env = || Docker::named_by_env().unwrap_or_else(broken);
        self.address.clone().or_else(by_env)
    }
}
