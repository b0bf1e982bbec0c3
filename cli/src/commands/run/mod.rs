//! `isolate run`: runs a command in an environment, then destroys the environment.
//!
//! - This file has the options and translates them for [`isolation`]; [`mount`] and [`variables`]
//!   read two of them.
//! - [`runner`] chooses the engine, creates the environment, runs the command, cleans up.
//! - [`stream`] copies the command's output and input.
//! - [`pull_progress`] shows the progress of an image pull.

mod mount;
mod pull_progress;
mod runner;
mod stream;
mod variables;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::engines::docker::PullPolicy;
use isolation::{CopyIn, EngineChoice, EnvironmentSpec, Input, Manager, Mount, ResourceLimits};

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::parse;
use crate::registry;
use crate::signals;
use variables::{EnvFile, Variable, Variables};

/// Run a command in an isolated environment, then destroy the environment
///
/// The command's standard output and standard error stay separate, and isolate returns its exit
/// code. The command gets only the environment variables that --env and --env-file set, none of the
/// caller's.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Engine: auto, docker or basic; auto uses docker if a Docker daemon answers, otherwise basic
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    engine: String,
    /// Image of the environment (engine docker only; it has a default)
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// When to pull the image
    #[arg(long, value_enum, default_value_t = Pull::Missing, value_name = "WHEN")]
    pull: Pull,
    /// Set an environment variable; NAME alone passes on the caller's value, which then is in no
    /// command line and in no recording; may be repeated
    #[arg(long, short, value_name = "NAME[=VALUE]", value_parser = parse::Hidden(variables::variable))]
    env: Vec<Variable>,
    /// Set the environment variables of a file, a NAME=VALUE or NAME per line; may be repeated
    #[arg(long, value_name = "FILE", value_parser = variables::env_file)]
    env_file: Vec<EnvFile>,
    /// Working directory, created if missing
    #[arg(long = "workdir", short, value_name = "DIR")]
    working_dir: Option<String>,
    /// Bind-mount a file or directory; also type=bind,source=SRC,target=DST[,readonly]; may be
    /// repeated
    #[arg(long, value_name = "SRC:DST[:ro]", value_parser = mount::mount)]
    mount: Vec<Mount>,
    /// Copy a file or directory in before the command starts; may be repeated
    #[arg(long, value_name = "SRC:DST", value_parser = parse::copy)]
    copy: Vec<CopyIn>,
    /// Memory limit: bytes, or 512m, 2g
    #[arg(long, short, value_name = "SIZE", value_parser = parse::size)]
    memory: Option<u64>,
    /// CPU limit: 0.5 is half of one CPU
    #[arg(long, value_name = "N", value_parser = parse::cpus)]
    cpus: Option<f64>,
    /// Limit of the number of processes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
    /// Timeout: kill the command after this time and exit with 124: seconds, or 250ms, 30s,
    /// 1m30s
    #[arg(long, short, value_name = "TIME", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Name of the environment
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Do not destroy the environment, and print its ID
    #[arg(long)]
    keep: bool,
    /// Whether the command reads isolate's standard input; auto: unless that is a terminal, or
    /// --record or --replay is used
    #[arg(long, value_enum, default_value_t = Stdin::Auto, value_name = "WHEN")]
    stdin: Stdin,
    /// The same as --stdin always
    #[arg(short, conflicts_with = "stdin")]
    interactive: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// When to pull an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pull {
    /// If the daemon does not have it
    Missing,
    /// Every time
    Always,
    /// Never; a missing image is an error
    Never,
}

impl From<Pull> for PullPolicy {
    fn from(pull: Pull) -> Self {
        match pull {
            Pull::Missing => Self::IfMissing,
            Pull::Always => Self::Always,
            Pull::Never => Self::Never,
        }
    }
}

/// Whether the command reads this process's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stdin {
    /// Unless it is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Run {
    /// Rejects invalid options before anything is sent or created.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.choice(global)?;
        self.spec().validate()?;
        Ok(self.command(global).validate()?)
    }

    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let (stop, second_signal) = signals::listen()?;
        let (registry, pull_updates) = registry::open(client, self.pull.into())?;
        let manager = Manager::new(registry);
        client.generated(manager.session());
        let variables = self.variables();
        variables.report_missing(console);
        variables.hide_from(client);
        let runner = runner::Runner {
            client,
            manager: &manager,
            choice: self.choice(global)?,
            spec: self.spec(),
            command: self.command(global),
            pull_updates,
            keep: self.keep,
            console,
        };
        let running = Box::pin(runner.run(stop));
        // At the second signal the run and then the manager are dropped. Their drop destroys what
        // can be destroyed without waiting.
        tokio::select! {
            biased;
            code = second_signal.wait() => {
                console.note("exiting without waiting for cleanup");
                Ok(code)
            }
            outcome = running => outcome,
        }
    }

    /// The engine to use. An option that names a Docker daemon selects the engine `docker`.
    fn choice(&self, global: &Global) -> Result<EngineChoice, CliError> {
        let choice = match self.engine.as_str() {
            "auto" if global.names_a_daemon() => EngineChoice::Named(registry::DOCKER.into()),
            "auto" => EngineChoice::Auto,
            name => EngineChoice::Named(name.into()),
        };
        match &choice {
            EngineChoice::Named(name) if name != registry::DOCKER && global.names_a_daemon() => {
                Err(CliError::new(format!(
                    "--host, --replay and --record need a Docker daemon; they cannot be combined with \
                     --engine {name}"
                )))
            }
            _ => Ok(choice),
        }
    }

    fn variables(&self) -> Variables<'_> {
        Variables::new(&self.env_file, &self.env)
    }

    fn spec(&self) -> EnvironmentSpec {
        EnvironmentSpec {
            name: self.name.clone(),
            image: self.image.clone(),
            env: self.variables().values(),
            working_dir: self.working_dir.clone(),
            mounts: self.mount.clone(),
            copies: self.copy.clone(),
            limits: ResourceLimits {
                memory: self.memory,
                cpus: self.cpus,
                pids: self.pids,
            },
            ..EnvironmentSpec::default()
        }
    }

    fn command(&self, global: &Global) -> isolation::Command {
        let forward = match self.stdin {
            _ if self.interactive => true,
            Stdin::Always => true,
            Stdin::Never => false,
            // A recording must not depend on the terminal in which it was recorded.
            Stdin::Auto => {
                global.record.is_none() && global.replay.is_none() && !std::io::stdin().is_terminal()
            }
        };
        isolation::Command {
            input: if forward { Input::Piped } else { Input::Empty },
            timeout: self.timeout,
            ..isolation::Command::new(self.command.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use crate::commands::Command;
    use clap::Parser;

    fn parse(line: &str) -> Result<(Box<Run>, Global), String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.command {
            Command::Run(run) => Ok((run, cli.global)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_fill_the_specification() {
        let line =
            "isolate run -e A=1 --env A=2 -m 1k --cpus 0.5 --pids 9 --mount /:/h:ro -w /w --name n -- x";
        let spec = parse(line).unwrap().0.spec();
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
    }

    #[test]
    fn options_end_at_the_command() {
        let (run, global) = parse("isolate run sh -c --keep -q --image").unwrap();
        assert_eq!(run.command, ["sh", "-c", "--keep", "-q", "--image"]);
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
            ("isolate run --mount /:rel -- x", ["--mount", "absolute"]),
            ("isolate run --copy /no/such:x -- x", ["--copy", "/no/such"]),
            ("isolate run --pids 0 -- x", ["--pids", "0"]),
            ("isolate run --timeout soon -- x", ["--timeout", "30s"]),
        ] {
            let error = parse(line).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        }
    }

    #[test]
    fn host_selects_docker_and_excludes_basic() {
        let choice = |line: &str| parse(line).map(|(run, global)| run.choice(&global)).unwrap();
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
                .map(|(run, global)| run.command(&global).input)
                .unwrap()
        };
        assert_eq!(input("isolate run -i x"), Input::Piped);
        assert_eq!(input("isolate run --stdin never x"), Input::Empty);
        assert_eq!(input("isolate --record f run x"), Input::Empty);
        assert_eq!(input("isolate --record f run -i x"), Input::Piped);
    }
}
