//! `isolate config`: the configuration in effect.

mod check;
mod convert;

use clap::{Args, Subcommand};
use isolation::config::Setting;
use serde_json::Value;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::table::table;

/// Print the configuration in effect, as JSON
///
/// A value comes from the strongest source that has it: an option, an environment variable, the
/// project's file (isolate.json in this directory or the nearest one above), the user's file
/// (isolate/config.json in $XDG_CONFIG_HOME or ~/.config), the default. --config FILE or
/// ISOLATE_CONFIG replaces both files.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Config {
    /// Print every key with its value and the source of the value
    #[arg(long)]
    explain: bool,
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

/// The command for a file.
#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Check(check::Check),
    Convert(convert::Convert),
}

impl Config {
    /// Whether the command prints the configuration in effect, and not that of a file.
    pub(crate) fn is_configured(&self) -> bool {
        self.command.is_none()
    }

    pub(crate) fn run(&self, global: &Global, console: Console) -> Result<u8, CliError> {
        match &self.command {
            Some(ConfigCommand::Check(check)) => return check.run(console),
            Some(ConfigCommand::Convert(convert)) => return convert.run(console),
            None => {}
        }
        match (self.explain, console.json) {
            (true, true) => console.value(&global.settings.explain())?,
            (true, false) => console.text(&explained(&global.settings.explain()))?,
            (false, true) => console.value(&global.settings.config())?,
            (false, false) => {
                let value = serde_json::json!(global.settings.config());
                console.text(&format!("{value:#}\n"))?;
            }
        }
        Ok(exit_code::SUCCESS)
    }
}

fn explained(settings: &[Setting]) -> String {
    let row = |setting: &Setting| {
        let value = match &setting.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        [setting.key.to_owned(), value, setting.source.to_string()]
    };
    let rows: Vec<_> = settings.iter().map(row).collect();
    table(["KEY", "VALUE", "SOURCE"], &rows)
}
