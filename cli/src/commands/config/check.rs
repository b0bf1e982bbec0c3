//! `isolate config check`: reads a configuration file and reports its faults.

use std::path::PathBuf;

use clap::Args;
use isolation::config::{Config, VERSION};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Check a configuration file
///
/// Files of older versions are read, too. Nothing is printed if the file is valid and current.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Check {
    pub(crate) fn run(&self, console: Console) -> Result<u8, CliError> {
        let (_, version) = Config::from_file(&self.file)?;
        if console.json {
            console
                .value(&json!({ "file": self.file, "version": version, "current": version == VERSION }))?;
        } else if version != VERSION {
            let file = self.file.display();
            console.note(&format!(
                "{file} is valid; it has the format of version {version}; to get version {VERSION}: \
                 isolate config convert {file}"
            ));
        }
        Ok(exit_code::SUCCESS)
    }
}
