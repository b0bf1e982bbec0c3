//! `isolate wait`: waits until an environment is ready, or until its main process ends.

use std::time::Duration;

use clap::Args;
use isolation::WaitFor;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Wait until an environment is ready, or until its main process ends
///
/// Without --for, the exit code of the main process is printed, as by `docker wait`. With --for,
/// nothing is printed; the command fails if a condition is not true before the timeout, or at once
/// if the main process exits first.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Wait for a condition: port:5432, http:8080/path, log:PATTERN, file:/path, exec:SCRIPT,
    /// exit:CODE or healthy; may be repeated, then all must be true
    #[arg(long = "for", value_name = "CONDITION", value_parser = parse::wait_for)]
    conditions: Vec<WaitFor>,
    /// Timeout: 30s, 5m [default: 60s with --for, no timeout without it]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

/// The default timeout of a condition.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Wait {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let waiting = async {
            if !self.conditions.is_empty() {
                let all = WaitFor::All(self.conditions.clone());
                environment
                    .wait_until(&all, self.timeout.unwrap_or(TIMEOUT))
                    .await?;
                return Ok(exit_code::SUCCESS);
            }
            let ended = environment.wait();
            let exit = match self.timeout {
                Some(limit) => tokio::time::timeout(limit, ended).await.map_err(|_| {
                    let limit = limit.as_secs_f64();
                    CliError::new(format!("the main process did not end within {limit} s")).hint(format!(
                        "give a longer --timeout, or stop it: `isolate stop {}`",
                        self.environment
                    ))
                })?,
                None => ended.await,
            }?;
            match console.json {
                true => console.value(&json!({ "id": environment.id(), "exit": exit }))?,
                false => console.text(&format!("{}\n", exit.code))?,
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, "the environment goes on", waiting).await
    }
}
