//! `isolate config check`: reads a configuration file and reports its faults.

use std::path::{Path, PathBuf};

use clap::Args;
use isolation::config::{Config, VERSION};
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::{registry, text_file};

/// Check a configuration file
///
/// Files of older versions are read, too. Nothing is printed if the file is valid and current.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The names of engines in a file that no engine has, as texts with the paths of their keys.
fn unknown_engines(file: &Path) -> Vec<String> {
    let Ok(Ok(config)) = text_file::read(file).map(|text| serde_json::from_str::<Value>(&text)) else {
        // The file is not valid in another way, which is reported.
        return Vec::new();
    };
    let registry = registry::every_engine();
    let chosen = config["engine"].as_str().filter(|name| !name.trim().is_empty());
    let chosen = chosen.map(|name| ("engine".to_owned(), name));
    let named = config["engines"].as_object().into_iter().flatten();
    let named = named.map(|(name, _)| (format!("engines.{name}"), name.as_str()));
    let unknown = chosen
        .into_iter()
        .chain(named)
        .filter(|(_, name)| *name != "auto");
    unknown
        .filter_map(|(path, name)| Some(format!("{path}: {}", registry.get(name).err()?)))
        .collect()
}

impl Check {
    pub(crate) fn run(&self, console: Console) -> Result<u8, CliError> {
        let read = Config::from_file(&self.file);
        let unknown = unknown_engines(&self.file);
        let version = match (read, unknown.is_empty()) {
            (Ok((_, version)), true) => version,
            (Err(error), true) => return Err(error.into()),
            (read, false) => {
                let message = format!("cannot use the configuration {}", self.file.display());
                let error = CliError::new(message);
                let error = match &read {
                    Ok(_) => error,
                    Err(read) => error.because_of_faults(read),
                };
                return Err(unknown.iter().fold(error, |error, fault| error.because_of(fault)));
            }
        };
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
