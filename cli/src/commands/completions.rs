//! `isolate completions`: a completion script for a shell.

use clap::Args;
use clap_complete::Shell;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Print a completion script for a shell
///
/// The README shows where each shell looks for it.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell to generate for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut cli: clap::Command, console: Console) -> Result<u8, CliError> {
        let name = cli.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli, name, &mut script);
        console.bytes(&script)?;
        Ok(exit_code::SUCCESS)
    }
}
