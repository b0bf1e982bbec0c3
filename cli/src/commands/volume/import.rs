//! `isolate volume import`.

use std::path::PathBuf;

use clap::Args;

use crate::archive_input;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;
use crate::standard_input;

/// Add the files of a tar archive to a volume, with their owners, modes and links
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Name or ID of the volume; a unique beginning of an ID is enough
    #[arg(value_name = "VOLUME")]
    volume: String,
    /// The archive, plain or compressed; by default standard input
    #[arg(value_name = "FILE")]
    archive: Option<PathBuf>,
}

impl Import {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(
            console,
            "the volume may have a part of the files; import them again",
            self.import(session, console),
        )
        .await
    }

    async fn import(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let volumes = session.docker()?.volumes();
        match &self.archive {
            None => {
                let input = archive_input::checked("standard input", standard_input::reader()).await?;
                volumes.import(&self.volume, input).await?;
            }
            Some(path) => {
                let failed = |error: std::io::Error| {
                    CliError::new(format!("cannot read {}", path.display())).because(&error)
                };
                let file = tokio::fs::File::open(path).await.map_err(failed)?;
                let input = archive_input::checked(&path.display().to_string(), file).await?;
                volumes.import(&self.volume, input).await?;
            }
        }
        if console.json {
            console.value(&volumes.inspect(&self.volume).await?)?;
        }
        Ok(exit_code::SUCCESS)
    }
}
