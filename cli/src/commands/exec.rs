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
use crate::signal_proxy::{LIMIT, SignalProxy};
use crate::signals::{self, Interrupted};

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
    /// User of the command: a name or a number, also USER:GROUP [default: that of the environment]
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    #[command(flatten)]
    command: CommandOptions,
}

impl Exec {
    /// Rejects invalid options before anything is sent.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.command.check(global)?;
        Ok(self.command(global).validate()?)
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let variables = self.variables.given();
        variables.report_missing(console);
        variables.hide_from(client);
        self.command.report_unused_input(global, console);
        Session::with(
            global,
            client,
            PullPolicy::default(),
            async |session: &Session| {
                execute(&self.environment, self.command(global), session, console).await
            },
        )
        .await
    }

    fn command(&self, global: &Global) -> Command {
        Command {
            env: self.variables.given().values().into(),
            working_dir: self.working_dir.clone(),
            user: self.user.clone(),
            ..self.command.command(global)
        }
    }
}

/// Runs a command in the environment with this name or ID.
pub(super) async fn execute(
    reference: &str,
    command: Command,
    session: &Session,
    console: Console,
) -> Result<u8, CliError> {
    let mut sink = Sink::new(console);
    let timeout = command.timeout;
    signals::handled(console, LIMIT, async |mut stop| {
        let beginning = async {
            let environment = session.manager().open(reference).await?;
            let execution = environment.execute(command).await?;
            Ok::<_, isolation::Error>((environment, execution))
        };
        let (_environment, execution) = match stop.or(Box::pin(beginning)).await {
            Ok(begun) => begun?,
            Err(Interrupted(code)) => return Ok(code),
        };
        let proxy = SignalProxy::new(&mut stop, console)?;
        // The drop of the execution kills a command that goes on.
        let streamed = Box::pin(stream(execution, &mut sink, timeout, proxy)).await?;
        streamed.report(&mut sink, console).await?;
        Ok(streamed.code())
    })
    .await
}
