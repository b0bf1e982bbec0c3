//! `isolate wait`: waits until an environment is ready, or until its main process ends.

use std::time::Duration;

use clap::Args;
use isolation::WaitFor;
use isolation::engines::docker::PullPolicy;
use serde_json::json;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::parse;
use crate::session::Session;
use crate::signals::{self, Stop};

/// Wait until an environment is ready, or until its main process ends
///
/// Without --for, the exit code of the main process is printed, as `docker wait` does. With --for,
/// nothing is printed; the command fails if a condition does not come true in time, or at once if
/// the main process ends before.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Wait for a condition: port:5432, http:8080/path, log:PATTERN, file:/path, exec:SCRIPT or
    /// exit:CODE; may be repeated, then all must be true
    #[arg(long = "for", value_name = "CONDITION", value_parser = parse::wait_for)]
    conditions: Vec<WaitFor>,
    /// How long to wait: 30s, 5m; for ever without --for [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

/// How long to wait for a condition by default.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Wait {
    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let (mut stop, _) = signals::listen()?;
        let session = Session::open(global, client, PullPolicy::default()).await?;
        let outcome = self.wait(&session, console, &mut stop).await;
        session.close(outcome).await
    }

    async fn wait(&self, session: &Session, console: Console, stop: &mut Stop) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let waiting = async {
            if !self.conditions.is_empty() {
                let all = WaitFor::All(self.conditions.clone());
                environment
                    .wait_until(&all, self.timeout.unwrap_or(TIMEOUT))
                    .await?;
                return Ok(());
            }
            let ended = environment.wait();
            let exit = match self.timeout {
                Some(limit) => tokio::time::timeout(limit, ended).await.map_err(|_| {
                    let limit = limit.as_secs_f64();
                    CliError::new(format!("the main process did not end within {limit} s"))
                        .hint("give a longer --timeout, or stop it: isolate stop ENVIRONMENT")
                })?,
                None => ended.await,
            }?;
            match console.json {
                true => console.value(&json!({ "id": environment.id(), "exit": exit })),
                false => console.text(&format!("{}\n", exit.code)),
            }
        };
        match stop.or(Box::pin(waiting)).await {
            Ok(outcome) => outcome.map(|()| exit_code::SUCCESS),
            Err(interrupted) => Ok(interrupted.0),
        }
    }
}
