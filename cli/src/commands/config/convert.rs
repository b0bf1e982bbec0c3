//! `isolate config convert`: prints a configuration file in the current format.

use std::path::PathBuf;

use clap::Args;
use isolation::config::{Config, VERSION};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Print a configuration file in the format of the current version
///
/// Files of older versions are read, too. A file of version 0 has the keys of the engine docker at
/// the top level. The values stay the same; sizes are printed in bytes, durations in seconds.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Convert {
    pub(crate) fn run(&self, console: Console) -> Result<u8, CliError> {
        let (config, _) = Config::from_file(&self.file)?;
        let config = Config {
            version: Some(VERSION),
            ..config
        };
        match console.json {
            true => console.value(&config)?,
            false => console.text(&format!("{:#}\n", json!(config)))?,
        }
        Ok(exit_code::SUCCESS)
    }
}
