//! `isolate packages uninstall`: removes packages.

use clap::Args;

use super::{Of, PARTLY};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Remove packages; those on which they depend stay
#[derive(Debug, Args)]
pub(super) struct Uninstall {
    #[command(flatten)]
    of: Of,
    /// Packages
    #[arg(value_name = "PACKAGE", required = true)]
    names: Vec<String>,
}

impl Uninstall {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let removing = async {
            let environment = session.manager().open(&self.of.environment).await?;
            let names: Vec<_> = self.names.iter().map(String::as_str).collect();
            environment.packages(self.of.manager).uninstall(&names).await?;
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, PARTLY, removing).await
    }
}
