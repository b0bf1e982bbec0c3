//! `isolate down`: stops and removes groups of environments.

use std::time::Duration;

use clap::Args;

use super::group_file;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;

/// Stop and remove groups of environments, those that depend on others first
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// How long the processes may take to end before they are killed
    #[arg(long, short = 't', value_name = "DURATION", default_value = "10s", value_parser = parse::grace)]
    time: Duration,
    /// Names of groups; by default the one of the file in this directory
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
}

impl Down {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        let here = match self.groups.is_empty() {
            true => vec![group_file::name_here()?],
            false => Vec::new(),
        };
        for name in self.groups.iter().chain(&here) {
            let ended = match session.manager().group(name).await {
                Ok(group) => group.down(self.time).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(()) => console.text(&format!("{name}\n"))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }
}
