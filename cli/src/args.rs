//! The command line.

use clap::Parser;

use crate::commands::Command;
use crate::exit_code;
use crate::global::Global;

/// Run a command in an isolated environment: a container, or a temporary directory on this machine.
#[derive(Debug, Parser)]
#[command(name = "isolate", version, after_help = exit_code::HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn declaration_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn conflicting_options_are_rejected_in_any_place() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().global.check();
        assert!(parse("isolate --replay x doctor --host unix:///y").is_err());
        assert!(parse("isolate doctor --replay x --record y").is_err());
        assert!(parse("isolate -q doctor -v").is_err());
        assert!(parse("isolate --host unix:///y doctor --record x").is_ok());
    }
}
