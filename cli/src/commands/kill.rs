//! `isolate kill`: sends a signal to environments.

use clap::Args;
use isolation::Signal;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Send a signal to the main process of environments
///
/// KILL ends every process and stops the environment. Without a main process it is the only signal.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Signal, by name or number
    #[arg(long, short, value_name = "SIGNAL", default_value = "KILL")]
    signal: Signal,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Kill {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let kill = async |environment: &isolation::Environment| environment.kill(self.signal).await;
        session.each(&self.environments, console, kill).await
    }
}
