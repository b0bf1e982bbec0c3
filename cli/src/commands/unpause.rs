//! `isolate unpause`: resumes environments.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Resume every process of paused environments
#[derive(Debug, Args)]
pub(crate) struct Unpause {
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Unpause {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let unpause = async |environment: &isolation::Environment| environment.unpause().await;
        session.each(&self.environments, console, unpause).await
    }
}
