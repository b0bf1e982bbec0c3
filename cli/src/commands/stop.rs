//! `isolate stop`: stops environments.

use std::time::Duration;

use clap::Args;
use isolation::{Environment, Signal};

use crate::console::Console;
use crate::error::CliError;
use crate::parse;
use crate::session::Session;

/// Stop environments: their processes exit, their files stay
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Time to end before the processes are killed: seconds, or 250ms, 30s; 0 kills at once
    /// [default: that of the environment, or 10s]
    #[arg(long, short = 't', visible_alias = "timeout", value_name = "TIME")]
    #[arg(value_parser = parse::grace, allow_negative_numbers = true)]
    time: Option<Duration>,
    /// Signal that asks the main process to end, instead of that of the image: INT, SIGQUIT, 15
    #[arg(long, short, value_name = "SIGNAL")]
    signal: Option<Signal>,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Stop {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let stop = async |environment: &Environment| {
            let grace = self.time.unwrap_or_else(|| environment.stop_grace());
            match self.signal {
                Some(signal) => environment.stop_with(signal, grace).await,
                None => environment.stop(grace).await,
            }
        };
        session.each(&self.environments, console, stop).await
    }
}
