//! `isolate volume export`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Write the files of a volume as a tar archive, with their owners, modes and links
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Write to this file, which must not exist, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or ID of the volume; a unique beginning of an ID is enough
    #[arg(value_name = "VOLUME")]
    volume: String,
}

impl Export {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(
            console,
            "the archive is not complete",
            self.export(session, console),
        )
        .await
    }

    async fn export(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let volumes = session.docker()?.volumes();
        let Some(path) = &self.output else {
            if std::io::stdout().is_terminal() {
                return Err(CliError::new(
                    "an archive is not written to a terminal; redirect the output, or use --output FILE",
                ));
            }
            volumes.export(&self.volume, tokio::io::stdout()).await?;
            return Ok(exit_code::SUCCESS);
        };
        let failed = |error: std::io::Error| {
            CliError::new(format!("cannot create {}", path.display())).because(&error)
        };
        let file = tokio::fs::File::create_new(path).await.map_err(failed)?;
        // A partial archive is useless: the drop removes it, also after a signal.
        let partial = tempfile::TempPath::try_from_path(path).map_err(failed)?;
        let bytes = volumes.export(&self.volume, file).await?;
        partial.keep().map_err(|error| failed(error.error))?;
        if console.json {
            console.value(&json!({ "file": path, "bytes": bytes }))?;
        }
        Ok(exit_code::SUCCESS)
    }
}
