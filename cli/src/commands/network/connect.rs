//! `isolate network connect`.

use clap::Args;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Connect an environment to a network, also while it runs
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// Name of the environment on the network; may be repeated. By default those of its
    /// specification, if that names the network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Name or ID of the network, or the name of any network of the daemon
    #[arg(value_name = "NETWORK")]
    network: String,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Connect {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        environment.connect_network(&self.network, &self.alias).await?;
        if console.json {
            console.value(&json!({ "id": environment.id(), "networks": environment.networks().await? }))?;
        }
        Ok(exit_code::SUCCESS)
    }
}
