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
///
/// Their volumes stay, and a group of the same name gets them again, unless --volumes removes them.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// How long the processes may take to end before they are killed [default: that of each
    /// service, or 10s]
    #[arg(long, short = 't', value_name = "DURATION", value_parser = parse::grace)]
    time: Option<Duration>,
    /// Remove the volumes of the groups, too: the named ones of the file that are not external
    #[arg(long, short)]
    volumes: bool,
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
            let ended = self.end(session, name).await;
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

impl Down {
    async fn end(&self, session: &Session, name: &str) -> isolation::Result<()> {
        let manager = session.manager();
        let ended = match manager.group(name).await {
            Ok(group) => group.down(self.time).await,
            Err(error) => Err(error),
        };
        if !self.volumes {
            return ended;
        }
        match ended {
            // An earlier end may have left the volumes.
            Err(error) if error.is_not_found() => match manager.remove_group_volumes(name).await {
                Ok(removed) if removed.is_empty() => Err(error),
                removed => removed.map(drop),
            },
            Err(error) => Err(error),
            Ok(()) => manager.remove_group_volumes(name).await.map(drop),
        }
    }
}

/// The name of a group that is given by its name or by its file.
fn name_of(group: &str) -> Result<String, CliError> {
    let path = Path::new(group);
    let is_file = path.extension().is_some() && path.is_file();
    if is_file {
        group_file::name_in(Some(path))
    } else {
        Ok(group.to_owned())
    }
}
