//! `isolate volume rm`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Remove volumes with their files
#[derive(Debug, Args)]
pub(super) struct Rm {
    /// Names or IDs of volumes; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

impl Rm {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let volumes = session.docker()?.volumes();
        let remove = async |volume: &str| volumes.remove(volume).await;
        session.each_name(&self.volumes, console, remove).await
    }
}
