//! `isolate pause`: pauses environments.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Pause every process of environments; `isolate unpause` resumes them
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Pause {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let pause = async |environment: &isolation::Environment| environment.pause().await;
        session.each(&self.environments, console, pause).await
    }
}
