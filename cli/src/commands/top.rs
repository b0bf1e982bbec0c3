//! `isolate top`: the processes in an environment.

use clap::Args;
use isolation::ProcessEntry;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::table::table;

/// List the processes in a running environment, also those of the engine
///
/// The process IDs are those of the machine of the engine.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Top {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let processes = environment.processes().await?;
        if console.json {
            for process in &processes {
                console.value(&json!(process))?;
            }
        } else {
            console.text(&text(&processes))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

fn text(processes: &[ProcessEntry]) -> String {
    let row = |process: &ProcessEntry| {
        [
            process.pid.to_string(),
            process.parent.to_string(),
            process.user.clone(),
            process.cpu_time.clone(),
            process.command.clone(),
        ]
    };
    let rows: Vec<_> = processes.iter().map(row).collect();
    table(["PID", "PARENT", "USER", "TIME", "COMMAND"], &rows)
}
