//! `isolate man`: manual pages, generated from the help texts.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man as Page;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Print the manual page, or write the pages of all commands to a directory
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory for one page per command (isolate.1, isolate-run.1 …), created if missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, cli: clap::Command, console: Console) -> Result<u8, CliError> {
        match &self.dir {
            Some(dir) => {
                write_pages(cli, dir).map_err(|error| CliError::new(cannot_write(dir)).because(&error))?
            }
            None => {
                let mut page = Vec::new();
                Page::new(cli)
                    .render(&mut page)
                    .map_err(|error| CliError::new("cannot render the manual page").because(&error))?;
                console.bytes(&page)?;
            }
        }
        Ok(exit_code::SUCCESS)
    }
}

fn write_pages(cli: clap::Command, dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(cli, dir)
}

fn cannot_write(dir: &Path) -> String {
    format!("cannot write the manual pages to {}", dir.display())
}
