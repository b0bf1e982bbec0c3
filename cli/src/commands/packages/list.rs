//! `isolate packages list`: the installed packages.

use clap::Args;
use isolation::packages::Package;

use super::Of;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;
use crate::table::table;

/// List the installed packages
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    of: Of,
}

impl List {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let listing = async {
            let environment = session.manager().open(&self.of.environment).await?;
            let packages = environment.packages(self.of.manager).list().await?;
            match console.json {
                true => console.value(&packages)?,
                false => console.text(&text(&packages))?,
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, "", listing).await
    }
}

fn text(packages: &[Package]) -> String {
    let row = |one: &Package| {
        let origin = one.source.clone().or_else(|| one.installer.clone());
        let origin = origin.unwrap_or_else(|| "-".to_owned());
        [one.name.clone(), one.version.clone(), origin]
    };
    let rows: Vec<_> = packages.iter().map(row).collect();
    table(["NAME", "VERSION", "ORIGIN"], &rows)
}
