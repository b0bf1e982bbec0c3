//! `isolate down`: stops and removes groups of environments.

use std::path::Path;
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
    /// Names of groups, or their files; by default the file in this directory
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
}

impl Down {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        let names = match self.groups.is_empty() {
            true => vec![group_file::name_in(None)?],
            false => self
                .groups
                .iter()
                .map(|group| name_of(group))
                .collect::<Result<_, _>>()?,
        };
        for name in &names {
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

/// The name of a group, from an argument that is a name or a file.
fn name_of(group: &str) -> Result<String, CliError> {
    let path = Path::new(group);
    let is_file = path.extension().is_some() && path.is_file();
    if is_file {
        group_file::name_in(Some(path))
    } else {
        Ok(group.to_owned())
    }
}
