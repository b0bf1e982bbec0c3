//! `isolate packages export`: the installed packages as a lock file.

use std::path::PathBuf;

use clap::Args;
use isolation::packages::LockFormat;

use super::Of;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Write the installed Python packages as a lock file with digests
///
/// `isolate packages install --requirement FILE` installs the same packages from a file of either
/// format.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    of: Of,
    /// Directory in the environment with the archives of the packages
    #[arg(long, value_name = "DIRECTORY")]
    archives: String,
    /// Format: pylock or requirements
    #[arg(long, value_name = "FORMAT", default_value = "pylock")]
    format: LockFormat,
    /// Write the lock file to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let exporting = async {
            let environment = self.of.open(session).await?;
            let packages = environment.packages(self.of.manager);
            let text = packages.export(self.format, &self.archives).await?;
            match &self.output {
                None => console.text(&text)?,
                Some(file) => std::fs::write(file, text).map_err(|error| {
                    CliError::new(format!("cannot write {}", file.display())).because(&error)
                })?,
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, "nothing was written", exporting).await
    }
}
