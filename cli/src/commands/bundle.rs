//! `isolate bundle`: writes everything that is known about an environment into a directory.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Write everything that is known about an environment into a directory, to diagnose a failure
///
/// The directory contains the specification, state, daemon, log, events, metrics, changed files and
/// networks, and a README.md with the likely cause. It contains no values of environment variables
/// and labels. `isolate run --bundle` and the environment variable ISOLATE_BUNDLE_DIR do the same
/// at each failure.
#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The directory, which must not exist or must be empty
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Bundle {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(console, "the description is not complete", async {
            let environment = session.manager().open(&self.environment).await?;
            let diagnosis = environment.bundle(&self.directory).await?;
            match console.json {
                true => console.value(&json!({ "directory": self.directory, "diagnosis": diagnosis }))?,
                false => console.text(&format!("{}\n", self.directory.join("README.md").display()))?,
            }
            Ok(exit_code::SUCCESS)
        })
        .await
    }
}
