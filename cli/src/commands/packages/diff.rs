//! `isolate packages diff`: compares the packages of two environments, or of an environment and a
//! list.

use std::path::Path;

use clap::Args;
use isolation::packages::{Package, PackageManager, differences};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;
use crate::text_file;

/// Compare the packages of two environments, or with an earlier list
///
/// A list is a file that ends with .json, written by `isolate --json packages list`.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// Package manager: pip, uv, apt, apk or npm
    #[arg(long, value_name = "MANAGER", default_value = "pip")]
    manager: PackageManager,
    /// Environment or list
    #[arg(value_name = "BEFORE")]
    before: String,
    /// Environment or list
    #[arg(value_name = "AFTER")]
    after: String,
}

impl Diff {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let comparing = async {
            let before = self.packages(session, &self.before).await?;
            let after = self.packages(session, &self.after).await?;
            let changes = differences(self.manager, &before, &after);
            match console.json {
                true => console.value(&changes)?,
                false => {
                    let text: String = changes.iter().map(|change| format!("{change}\n")).collect();
                    console.text(&text)?;
                }
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, "", comparing).await
    }

    async fn packages(&self, session: &Session, of: &str) -> Result<Vec<Package>, CliError> {
        if of.ends_with(".json") {
            let read = text_file::read(Path::new(of));
            let text = read.map_err(|error| CliError::new(format!("cannot read {of}")).because(&error))?;
            return serde_json::from_str(&text)
                .map_err(|error| CliError::new(format!("{of} is not a list of packages")).because(&error));
        }
        let environment = session.manager().open(of).await?;
        Ok(environment.packages(self.manager).list().await?)
    }
}
