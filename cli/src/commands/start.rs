//! `isolate start`: starts environments.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Start environments, so that commands can run in them
///
/// Members of the same group that have the network of one, and run, are started again.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Start {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let start = async |environment: &isolation::Environment| {
            let _group = session.group_of(environment, console).await;
            environment.start().await
        };
        session.each(&self.environments, console, start).await
    }
}
