//! `isolate restart`: stops and starts environments.

use std::time::Duration;

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::parse;
use crate::session::Session;

/// Stop and start environments
///
/// Members of the same group that have the network of one are started again, too.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// Time to end before the processes are killed: seconds, or 250ms, 30s; 0 kills at once
    /// [default: that of the environment, or 10s]
    #[arg(long, short = 't', visible_alias = "timeout", value_name = "TIME")]
    #[arg(value_parser = parse::grace, allow_negative_numbers = true)]
    time: Option<Duration>,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Restart {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let restart = async |environment: &isolation::Environment| {
            let _group = session.group_of(environment, console).await;
            let grace = self.time.unwrap_or_else(|| environment.stop_grace());
            environment.restart(grace).await
        };
        session.each(&self.environments, console, restart).await
    }
}
