//! `isolate exec`: runs a command in an environment that exists.

use clap::Args;
use isolation::Command;
use isolation::engines::docker::PullPolicy;

use super::command_options::CommandOptions;
use super::stream::{Sink, stream};
use super::variables::VariableOptions;
use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;
use crate::signals::{self, Stop};

/// Run a command in a running environment
///
/// Streams, exit codes and signals are those of `isolate run`; the environment stays.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    variables: VariableOptions,
    /// Working directory of the command
    #[arg(long = "workdir", short, value_name = "DIR")]
    working_dir: Option<String>,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    #[command(flatten)]
    command: CommandOptions,
}

impl Exec {
    /// Rejects invalid options before anything is sent.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        Ok(self.command(global).validate()?)
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let (stop, _) = signals::listen()?;
        let session = Session::open(global, client, PullPolicy::default()).await?;
        let variables = self.variables.given();
        variables.report_missing(console);
        variables.hide_from(client);
        let outcome = self.execute(&session, global, console, stop).await;
        session.close(outcome).await
    }

    async fn execute(
        &self,
        session: &Session,
        global: &Global,
        console: Console,
        mut stop: Stop,
    ) -> Result<u8, CliError> {
        let mut sink = Sink::new(console);
        let command = self.command(global);
        let timeout = command.timeout;
        let running = async {
            let environment = session.manager().open(&self.environment).await?;
            let execution = environment.execute(command).await?;
            let streamed = stream(execution, &mut sink, timeout).await?;
            streamed.report(&mut sink, console).await?;
            Ok(streamed.code())
        };
        // A signal drops the execution, which kills the command.
        match stop.or(Box::pin(running)).await {
            Ok(outcome) => outcome,
            Err(interrupted) => Ok(interrupted.0),
        }
    }

    fn command(&self, global: &Global) -> Command {
        Command {
            env: self.variables.given().values().into(),
            working_dir: self.working_dir.clone(),
            ..self.command.command(global)
        }
    }
}
