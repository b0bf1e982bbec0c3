//! `isolate network rm`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Remove networks
#[derive(Debug, Args)]
pub(super) struct Rm {
    /// Names or IDs of networks; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Rm {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let networks = session.docker()?.networks();
        let remove = async |network: &str| networks.remove(network).await;
        session.each_name(&self.networks, console, remove).await
    }
}
