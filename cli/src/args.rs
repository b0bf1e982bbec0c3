//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{api::Api, doctor::Doctor, engines::Engines, fixtures::Fixtures, run::Run};
use crate::exit;
use crate::failure::Failure;

/// Runs a command in an isolated environment: a container, or what this machine has.
#[derive(Debug, Parser)]
#[command(name = "isolate", version, after_help = exit::HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Print JSON: one document, or one object per line where output comes bit by bit
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The engine's address, instead of DOCKER_HOST: unix:///path, tcp://host:port, https://host:port, ssh://user@host
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Take the engine's answers from a recording; no engine is needed
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Record what is said to the engine, and its answers
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Print no messages but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<Run>),
    Doctor(Doctor),
    Engines(Engines),
    Api(Api),
    Fixtures(Fixtures),
}

impl Global {
    /// Refuses options that contradict each other; clap does not compare global ones that are written
    /// on both sides of the command's name.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let contradictions = [
            (
                self.replay.is_some() && self.host.is_some(),
                "--replay and --host: a recording stands in for the engine",
            ),
            (
                self.replay.is_some() && self.record.is_some(),
                "--replay and --record: what is replayed is recorded already",
            ),
            (self.quiet && self.verbose, "--quiet and --verbose"),
        ];
        match contradictions.iter().find(|(given, _)| *given) {
            Some((_, which)) => Err(Failure::new(format!("these options exclude each other: {which}"))),
            None => Ok(()),
        }
    }

    /// Whether the user named an engine of Docker's kind, which another kind must not replace.
    pub(crate) fn names_an_engine(&self) -> bool {
        self.host.is_some() || self.replay.is_some() || self.record.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn contradictions_are_refused_wherever_they_are_written() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().global.check();
        assert!(parse("isolate --replay x doctor --host unix:///y").is_err());
        assert!(parse("isolate doctor --replay x --record y").is_err());
        assert!(parse("isolate -q doctor -v").is_err());
        assert!(parse("isolate --host unix:///y doctor --record x").is_ok());
    }
}
