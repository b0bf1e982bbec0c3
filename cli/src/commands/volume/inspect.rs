//! `isolate volume inspect`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Show volumes as JSON, one after the other
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Names or IDs of volumes; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

impl Inspect {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let volumes = session.docker()?.volumes();
        for name in &self.volumes {
            console.document(&volumes.inspect(name).await?)?;
        }
        Ok(exit_code::SUCCESS)
    }
}
