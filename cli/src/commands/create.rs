//! `isolate create`: creates an environment that other commands use.

use clap::Args;
use isolation::{Command, EnvironmentSpec, Lifetime, Main};
use serde_json::json;

use super::environment_options::EnvironmentOptions;
use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::session::Session;
use crate::signals;

/// Create an environment and print its ID; it stays until `isolate rm`
///
/// `isolate start` starts it, `isolate exec` runs commands in it. With COMMAND, that command is the
/// main process: it runs from start to stop (engines docker and sandbox).
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(super) environment: EnvironmentOptions,
    /// Run the image's own program as the main process, in place of COMMAND (engines docker and
    /// sandbox)
    #[arg(long, conflicts_with = "command")]
    service: bool,
    /// Start it
    #[arg(long)]
    start: bool,
    /// The main process and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Create {
    /// Rejects invalid options before anything is sent or created.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.environment.choice(global)?;
        let spec = self.spec(global)?;
        if !spec.network.expose_host.is_empty() {
            return Err(CliError::new(
                "a port of this machine is exposed only while a command of isolate runs; use isolate run",
            ));
        }
        Ok(spec.validate()?)
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        Session::with(
            global,
            client,
            self.environment.pull(global),
            async |session: &Session| {
                if self.environment.explain {
                    return self.environment.explain(session, global, console).await;
                }
                self.environment.report(console, client);
                // A signal drops the creation. The drop removes everything that was created.
                signals::interruptible(
                    console,
                    "removing the environment",
                    self.create(session, global, client, console),
                )
                .await
            },
        )
        .await
    }

    async fn create(
        &self,
        session: &Session,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let (manager, mut spec) = (session.manager(), self.spec(global)?);
        self.environment.build(session, &mut spec, console).await?;
        let selection = self
            .environment
            .select(manager, &self.environment.choice(global)?, &spec, console)
            .await?;
        let lock = &self.environment.lock;
        let environment = match self.start {
            true => Box::pin(lock.create(manager, &selection, spec)).await?,
            false => {
                Box::pin(lock.verify(manager, &selection, &spec)).await?;
                manager.create_unstarted(&selection, spec).await?
            }
        };
        let (id, name) = (environment.id(), environment.name());
        client.generated(id.as_str());
        client.generated(name);
        if console.json {
            console.value(&json!({ "id": id, "name": name, "engine": environment.engine() }))?;
        } else {
            console.text(&format!("{id}\n"))?;
        }
        Ok(exit_code::SUCCESS)
    }

    fn spec(&self, global: &Global) -> Result<EnvironmentSpec, CliError> {
        let mut spec = self.environment.spec(global)?;
        spec.lifetime = Lifetime::Kept;
        if self.service {
            spec.main = Main::Image;
        } else if !self.command.is_empty() {
            spec.main = Main::Command(Command::new(self.command.clone()));
        }
        Ok(spec)
    }
}
