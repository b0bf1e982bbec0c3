//! `isolate repair`: validates and repairs a virtual environment.

use clap::Args;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvProblem};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Repair the virtual environment of an environment
///
/// After its directory was moved, its files get the new path, and every entry point is run. After
/// an upgrade of its interpreter, the new patch version is written down. An interpreter that is
/// gone is not replaced by another one.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// Report what is wrong, and change nothing; the exit code is 1 if it cannot be used
    #[arg(long)]
    check: bool,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Repair {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(
            console,
            "the virtual environment may be half repaired; `isolate repair` goes on",
            self.repair(session, console),
        )
        .await
    }

    async fn repair(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let (name, engine) = (environment.name(), environment.engine());
        let Some(engine) = session.manager().registry().get_as::<VirtualenvEngine>(engine) else {
            let text = format!("cannot repair {name}: it belongs to the engine {engine}");
            let hint = "only environments of the engine virtualenv can be repaired";
            return Err(CliError::new(text).hint(hint));
        };
        let problems = match self.check {
            true => engine.validate(environment.id()).await?,
            false => engine.repair(environment.id()).await?,
        };
        let end = if self.check { "" } else { ": repaired" };
        for problem in &problems {
            match console.json {
                true => console.value(&json!({
                    "problem": problem,
                    "message": problem.to_string(),
                    "repairable": problem.is_repairable(),
                    "repaired": !self.check,
                }))?,
                false => console.text(&format!("{problem}{end}\n"))?,
            }
        }
        match self.check && problems.iter().any(VirtualenvProblem::is_broken) {
            true => Ok(exit_code::FAILED),
            false => Ok(exit_code::SUCCESS),
        }
    }
}
