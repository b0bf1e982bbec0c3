//! `isolate packages upgrade`: replaces installed packages by newer ones.

use clap::Args;

use super::PARTLY;
use super::install::{InstallOptions, report};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Replace installed packages by the newest ones that fit
///
/// A package that is not installed is an error, and nothing is replaced then.
#[derive(Debug, Args)]
pub(super) struct Upgrade {
    #[command(flatten)]
    options: InstallOptions,
}

impl Upgrade {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let options = self.options.packages()?;
        let upgrading = async {
            let of = self.options.of();
            let environment = of.open(session).await?;
            report(&environment.packages(of.manager).upgrade(options).await?, console);
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, PARTLY, upgrading).await
    }
}
