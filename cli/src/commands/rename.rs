//! `isolate rename`: renames an environment.

use clap::Args;

use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Rename an environment; its ID stays
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The new name: letters, digits, '-', '_' and '.'; at the creation it may be any text
    #[arg(value_name = "NAME")]
    name: String,
}

impl Rename {
    pub(crate) async fn run(&self, session: &Session) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        environment.rename(&self.name).await?;
        Ok(exit_code::SUCCESS)
    }
}
