//! `isolate shell`: a shell on this terminal.

use clap::Args;
use isolation::engines::docker::PullPolicy;
use isolation::{Command, Input, Lifetime};

use super::command_options::check_terminal;
use super::creation_options::OF_CREATION;
use super::environment_options::EnvironmentOptions;
use super::{exec, run};
use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;
use crate::terminal;

/// Open a login shell on this terminal, in an environment or in a new one
///
/// The shell is bash, or sh if the environment has no bash. Without ENVIRONMENT, the options
/// describe a new environment, which is destroyed when the shell ends.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    pub(super) options: EnvironmentOptions,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT", conflicts_with_all = OF_CREATION)]
    environment: Option<String>,
}

/// The process becomes bash, or sh without bash.
const SCRIPT: &str = "if command -v bash >/dev/null 2>&1; then exec bash -l; fi; exec sh -l";

impl Shell {
    /// Rejects invalid options before anything is sent or created.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.options.check(global)?;
        check_terminal(
            global,
            "start it on a terminal; isolate exec runs commands without one",
        )
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let command = Command {
            input: Input::Piped,
            terminal: Some(terminal::size().unwrap_or_default()),
            ..Command::shell(SCRIPT)
        };
        match &self.environment {
            Some(environment) => {
                let (variables, working_dir, user) = self.options.of_command();
                let command = Command {
                    env: variables.values().into(),
                    working_dir,
                    user,
                    ..command
                };
                self.options.report(console, client);
                Session::with(
                    global,
                    client,
                    PullPolicy::default(),
                    async |session: &Session| exec::execute(environment, command, session, console).await,
                )
                .await
            }
            None => {
                let lifetime = Lifetime::Owner;
                let run = run::Once {
                    options: &self.options,
                    command,
                    lifetime,
                    bundle: None,
                };
                run.run(global, client, console).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new option would have no effect on an environment that exists.
    #[test]
    fn option_is_of_commands_or_excludes_an_environment() {
        let command = Shell::augment_args(clap::Command::new("shell"));
        let of_commands = ["env", "env_file", "working_dir", "user", "environment"];
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let of_creation = OF_CREATION.contains(&id);
            assert!(of_creation != of_commands.contains(&id), "{id}");
        }
    }
}
