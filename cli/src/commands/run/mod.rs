//! `isolate run`: an environment, a command in it, its output, its exit code, nothing left behind.
//!
//! - [`registry`] has the engines to choose from, [`pull`] shows how far a pull is.
//! - [`work`] goes from the choice of an engine to the exit code.
//! - [`stream`] carries the command's output and input.
//! - [`crate::signals`] turns signals into an orderly end.

mod pull_progress;
mod runner;
mod stream;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::engines::docker::PullPolicy;
use isolation::{CopyIn, EngineChoice, EnvironmentSpec, Input, Limits, Manager, Mount};

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::parse;
use crate::registry;
use crate::signals;

/// Run a command in an isolated environment, and leave nothing behind
///
/// The command's standard output and standard error stay apart, and its exit code becomes isolate's.
/// Nothing of the caller's environment variables is passed on but what --env says.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The engine: auto, docker or basic; auto takes docker where an engine answers, or else basic
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    engine: String,
    /// The image to start from, on engines that have images; docker has a default
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// When to pull the image
    #[arg(long, value_enum, default_value_t = Pull::Missing, value_name = "WHEN")]
    pull: Pull,
    /// Set a variable; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = parse::variable)]
    env: Vec<(String, String)>,
    /// The folder to start in, made when missing
    #[arg(long, short, value_name = "DIR")]
    workdir: Option<String>,
    /// Show a file or folder inside; may be repeated
    #[arg(long, value_name = "SRC:DST[:ro]", value_parser = parse::mount)]
    mount: Vec<Mount>,
    /// Copy a file or folder in before the command starts; may be repeated
    #[arg(long, value_name = "SRC:DST", value_parser = parse::copy)]
    copy: Vec<CopyIn>,
    /// Limit the memory: bytes, or 512m, 2g
    #[arg(long, short, value_name = "SIZE", value_parser = parse::size)]
    memory: Option<u64>,
    /// Limit the processors: 0.5 is half of one
    #[arg(long, value_name = "N", value_parser = parse::cpus)]
    cpus: Option<f64>,
    /// Limit the number of processes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
    /// Kill the command after this time, and exit with 124: seconds, or 250ms, 30s, 5m
    #[arg(long, short, value_name = "TIME", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// A name for the environment
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave the environment in place, and tell its id
    #[arg(long)]
    keep: bool,
    /// Whether the command reads isolate's standard input; auto: unless that is a terminal, or a
    /// recording is made or replayed
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
    /// When the engine does not have it
    Missing,
    /// Every time
    Always,
    /// Never: a missing image is an error
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

/// Whether the command gets our standard input.
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
    /// Refuses what cannot be right, before anything is asked or made.
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
        let (stop, again) = signals::listen()?;
        let (registry, pulling) = registry::open(client, self.pull.into())?;
        let manager = Manager::new(registry);
        client.generated(manager.session());
        let runner = runner::Runner {
            client,
            manager: &manager,
            choice: self.choice(global)?,
            spec: self.spec(),
            command: self.command(global),
            pulling,
            keep: self.keep,
            console,
        };
        let work = Box::pin(runner.run(stop));
        // When the second signal comes, the work and then the manager are dropped, and so destroy what
        // can be destroyed at once.
        tokio::select! {
            biased;
            code = again.wait() => {
                console.note("not waiting for the end of the clean-up");
                Ok(code)
            }
            outcome = work => outcome,
        }
    }

    /// An engine that was named by its address must not be replaced by another kind.
    fn choice(&self, global: &Global) -> Result<EngineChoice, CliError> {
        let choice = match self.engine.as_str() {
            "auto" if global.names_a_daemon() => EngineChoice::Named(registry::DOCKER.into()),
            "auto" => EngineChoice::Auto,
            name => EngineChoice::Named(name.into()),
        };
        match &choice {
            EngineChoice::Named(name) if name != registry::DOCKER && global.names_a_daemon() => {
                Err(CliError::new(format!(
                    "--host, --replay and --record are about a Docker engine, and --engine {name} is none"
                )))
            }
            _ => Ok(choice),
        }
    }

    fn spec(&self) -> EnvironmentSpec {
        EnvironmentSpec {
            name: self.name.clone(),
            image: self.image.clone(),
            env: self.env.iter().cloned().collect(),
            working_dir: self.workdir.clone(),
            mounts: self.mount.clone(),
            copies: self.copy.clone(),
            limits: Limits {
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
            // A recording must not depend on where it was made.
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
    fn options_become_a_specification() {
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
    fn options_end_where_the_command_begins() {
        let (run, global) = parse("isolate run sh -c --keep -q --image").unwrap();
        assert_eq!(run.command, ["sh", "-c", "--keep", "-q", "--image"]);
        assert!(!run.keep && !global.quiet);
        assert!(parse("isolate run --imgae x -- sh").is_err());
        assert!(parse("isolate run --image x --").unwrap_err().contains("COMMAND"));
    }

    #[test]
    fn wrong_values_are_told_by_option() {
        for (line, words) in [
            ("isolate run -m 12q -- x", ["--memory", "512m"]),
            ("isolate run -e A -- x", ["--env", "A=VALUE"]),
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
    fn an_engine_named_by_address_is_docker_or_an_error() {
        let choice = |line: &str| parse(line).map(|(run, global)| run.choice(&global)).unwrap();
        assert_eq!(choice("isolate run x").unwrap(), EngineChoice::Auto);
        let named = EngineChoice::Named("docker".into());
        assert_eq!(choice("isolate --host /s run x").unwrap(), named);
        assert_eq!(choice("isolate --replay f run x").unwrap(), named);
        assert!(choice("isolate --host /s run --engine basic x").is_err());
    }

    #[test]
    fn input_is_forwarded_when_asked_for_and_never_by_itself_into_a_recording() {
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
