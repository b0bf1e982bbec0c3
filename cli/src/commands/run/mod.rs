//! `isolate run`: runs a command in an environment, then destroys the environment.
//!
//! - This file defines the options.
//! - [`runner`] chooses the engine, creates the environment, runs the command, cleans up.

mod runner;

use std::path::PathBuf;

use clap::Args;
use isolation::{Command, EnvironmentSpec, Input, Lifetime, Main};

use super::command_options::CommandOptions;
use super::environment_options::EnvironmentOptions;
use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;
use crate::signals::{self, Interrupted};

/// Run a command in an isolated environment, then destroy the environment
///
/// The command's standard output and standard error stay separate, and isolate returns its exit
/// code. The command gets only the environment variables that --env and --env-file set, and no
/// others of the caller.
///
/// SIGHUP, SIGINT (Ctrl-C), SIGQUIT and SIGTERM are passed on to the command, which has three
/// seconds to end by itself. Then the environment is destroyed, within five seconds in all; a
/// second signal exits at once. SIGUSR1 and SIGUSR2 are only passed on.
#[derive(Debug, Args)]
#[command(mut_arg("command", |arg| arg.required(false).required_unless_present("explain")))]
pub(crate) struct Run {
    #[command(flatten)]
    pub(super) environment: EnvironmentOptions,
    /// Do not destroy the environment, and print its ID
    #[arg(long)]
    keep: bool,
    /// Use the environment of other runs with the same options, and destroy it after the last one
    #[arg(long, conflicts_with = "keep")]
    shared: bool,
    /// Describe a failure, or a command with another exit code than 0, in a new directory below
    /// DIRECTORY [default: the directory that ISOLATE_BUNDLE_DIR names]
    #[arg(long, value_name = "DIRECTORY")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    command: CommandOptions,
}

impl Run {
    /// Rejects invalid options before anything is sent or created.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.environment.check_around(global)?;
        let mut spec = self.environment.spec(global)?;
        if restarts(&spec) {
            for (given, option) in [
                (spec.ready.is_some(), "--wait-for"),
                (!spec.network.expose_host.is_empty(), "--expose-host"),
                (self.shared, "--shared"),
            ] {
                if given {
                    return Err(CliError::new(format!(
                        "{option} cannot be combined with a restart: the command is the main process"
                    )));
                }
            }
            spec.main = Main::Command(self.made(global, &spec));
            spec.lifetime = self.lifetime();
        }
        spec.validate()?;
        if self.environment.explain {
            return Ok(());
        }
        self.command.check_no_image()?;
        self.command.check(global)
    }

    fn lifetime(&self) -> Lifetime {
        match (self.keep, self.shared) {
            (true, _) => Lifetime::Kept,
            (_, true) => Lifetime::Shared,
            _ => Lifetime::Owner,
        }
    }

    /// The command. A command that may be restarted has no input, unless an option asks for it.
    fn made(&self, global: &Global, spec: &EnvironmentSpec) -> Command {
        let command = self.command.command(global);
        match restarts(spec) && !self.command.asks_for_input() {
            true => Command {
                input: Input::Empty,
                ..command
            },
            false => command,
        }
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        if self.environment.explain {
            let pull = self.environment.pull(global);
            return Session::with(global, client, pull, async |session: &Session| {
                self.environment.explain(session, global, console).await
            })
            .await;
        }
        self.command.report_unused_input(global, console);
        let command = self.made(global, &self.environment.spec(global)?);
        let by_env = || {
            let value = std::env::var_os("ISOLATE_BUNDLE_DIR");
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let run = Once {
            options: &self.environment,
            command,
            lifetime: self.lifetime(),
            bundle: self.bundle.clone().or_else(by_env),
        };
        run.run(global, client, console).await
    }
}

/// Whether the command is restarted automatically.
fn restarts(spec: &EnvironmentSpec) -> bool {
    spec.restart.is_some() && spec.main == Main::Idle
}

/// A command in a new environment, which is destroyed at the end of its lifetime.
pub(super) struct Once<'a> {
    pub(super) options: &'a EnvironmentOptions,
    pub(super) command: Command,
    pub(super) lifetime: Lifetime,
    /// The directory in which failures are described.
    pub(super) bundle: Option<PathBuf>,
}

impl Once<'_> {
    pub(super) async fn run(
        self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let (mut stop, second_signal) = signals::listen()?;
        let options = self.options;
        let session =
            Session::with_bundles(global, client, options.pull(global), self.bundle.clone()).await?;
        options.report(console, client);
        let mut spec = EnvironmentSpec {
            // This overrides the specification file.
            lifetime: self.lifetime,
            ..options.spec(global)?
        };
        match stop.or(options.build(&session, &mut spec, console)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return session.close(Err(error)).await,
            Err(Interrupted(code)) => return session.close(Ok(code)).await,
        }
        let restarts = restarts(&spec);
        if restarts {
            spec.main = Main::Command(self.command.clone());
        }
        let runner = runner::Runner {
            restarts,
            client,
            manager: session.manager(),
            options,
            choice: options.choice(global)?,
            spec,
            command: self.command,
            keep: self.lifetime == Lifetime::Kept,
            bundle: self.bundle,
            console,
        };
        let running = Box::pin(session.warning(console, runner.run(stop)));
        // At the second signal the run and then the manager are dropped. The drop destroys
        // everything that can be destroyed without waiting.
        let outcome = tokio::select! {
            biased;
            code = second_signal.wait() => {
                console.note("exiting without waiting for cleanup");
                Ok(code)
            }
            outcome = running => outcome,
        };
        session.close(outcome).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use crate::commands;
    use clap::Parser;
    use isolation::EngineChoice;

    fn parse(line: &str) -> Result<(Box<Run>, Global), String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.command {
            commands::Command::Run(run) => Ok((run, cli.global)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_fill_the_specification() {
        let line =
            "isolate run -e A=1 --env A=2 -m 1k --cpus 0.5 --pids 9 -v /:/h:ro -w /w -u me --name n -- x";
        let (run, global) = parse(line).unwrap();
        let spec = run.environment.spec(&global).unwrap();
        assert_eq!(spec.env["A"], "2");
        assert_eq!(
            (spec.limits.memory, spec.limits.cpus, spec.limits.pids),
            (Some(1024), Some(0.5), Some(9))
        );
        assert_eq!(
            (spec.working_dir.as_deref(), spec.name.as_deref()),
            (Some("/w"), Some("n"))
        );
        assert!(spec.mounts[0].read_only);
        assert_eq!(spec.user.as_deref(), Some("me"));
    }

    #[test]
    fn options_end_at_the_command() {
        let (run, global) = parse("isolate run sh -c --keep -q --image").unwrap();
        assert_eq!(run.command.argv(), ["sh", "-c", "--keep", "-q", "--image"]);
        assert!(!run.keep && !global.quiet);
        assert!(parse("isolate run --imgae x -- sh").is_err());
        assert!(parse("isolate run --image x --").unwrap_err().contains("COMMAND"));
    }

    #[test]
    fn invalid_value_is_reported_with_its_option() {
        for (line, words) in [
            ("isolate run -m 12q -- x", ["--memory", "512m"]),
            ("isolate run -e =A -- x", ["--env", "name"]),
            ("isolate run --env-file /no/such -- x", ["--env-file", "/no/such"]),
            ("isolate run -v /:rel -- x", ["--volume", "absolute"]),
            ("isolate run --copy /no/such:x -- x", ["--copy", "/no/such"]),
            ("isolate run --pids few -- x", ["--pids", "few"]),
            ("isolate run --timeout soon -- x", ["--timeout", "30s"]),
        ] {
            let error = parse(line).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        }
    }

    #[test]
    fn host_selects_docker_and_excludes_basic() {
        let choice = |line: &str| {
            parse(line)
                .map(|(run, global)| run.environment.choice(&global))
                .unwrap()
        };
        assert_eq!(choice("isolate run x").unwrap(), EngineChoice::Auto);
        let named = EngineChoice::Named("docker".into());
        assert_eq!(choice("isolate --host /s run x").unwrap(), named);
        assert_eq!(choice("isolate --replay f run x").unwrap(), named);
        assert!(choice("isolate --host /s run --engine basic x").is_err());
    }

    #[test]
    fn input_is_not_forwarded_into_a_recording_by_default() {
        let input = |line: &str| {
            parse(line)
                .map(|(run, global)| run.command.command(&global).input)
                .unwrap()
        };
        assert_eq!(input("isolate run -i x"), Input::Piped);
        assert_eq!(input("isolate run --stdin never x"), Input::Empty);
        assert_eq!(input("isolate --record f run x"), Input::Empty);
        assert_eq!(input("isolate --record f run -i x"), Input::Piped);
    }
}
