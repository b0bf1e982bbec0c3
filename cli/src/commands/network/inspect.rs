//! `isolate network inspect`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Show networks as JSON, one after the other
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Names or IDs of networks; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Inspect {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let networks = session.docker()?.networks();
        for name in &self.networks {
            console.document(&networks.inspect(name).await?)?;
        }
        Ok(exit_code::SUCCESS)
    }
}
