//! `isolate lock`: writes down what an environment consists of.

use std::path::{Path, PathBuf};

use clap::Args;
use isolation::EnvironmentLock;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;
use crate::text_file;

/// Write down what an environment consists of: image, interpreter, packages with digests, features
///
/// The lock is JSON. `isolate run --locked FILE` makes a new environment equal to it before
/// anything runs: packages that `isolate packages install` has added are installed again, those of
/// Python from archives with the same digests, and every other difference is an error.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Name or ID of a running environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// Write the lock to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Lock {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let locking = async {
            let manager = session.manager();
            let lock = manager.lock(&manager.open(&self.environment).await?).await?;
            let text = serde_json::to_string_pretty(&lock)
                .map_err(|error| CliError::new("the lock cannot be written").because(&error))?;
            match &self.output {
                None => console.text(&(text + "\n"))?,
                Some(file) => std::fs::write(file, text + "\n").map_err(|error| {
                    CliError::new(format!("cannot write {}", file.display())).because(&error)
                })?,
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, "no lock was written", locking).await
    }
}

/// Reads a lock.
pub(crate) fn read(file: &Path) -> Result<EnvironmentLock, CliError> {
    let text = text_file::read(file)
        .map_err(|error| CliError::new(format!("cannot read {}", file.display())).because(&error))?;
    EnvironmentLock::from_json(&text)
        .map_err(|error| CliError::new(format!("cannot use {}", file.display())).because(&error))
}
