//! `isolate rm`: destroys environments.

use clap::Args;
use isolation::engines::docker::PullPolicy;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;

/// Destroy environments with their files
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Destroy environments that run, too
    #[arg(long, short)]
    force: bool,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Rm {
    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let session = Session::open(global, client, PullPolicy::default()).await?;
        let destroy = async |environment: &isolation::Environment| {
            if environment.status().is_running() && !self.force {
                let why = format!(
                    "the environment {} runs; stop it, or use --force",
                    environment.name()
                );
                return Err(isolation::Error::invalid(why));
            }
            environment.destroy().await
        };
        let outcome = session.each(&self.environments, console, destroy).await;
        session.close(outcome).await
    }
}
