//! `isolate fork`: creates copies of an environment.

use clap::Args;
use isolation::{ForkOptions, Lifetime};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Create environments with the files and volumes of another one, and print their IDs
///
/// Each fork has copies of its own: no other fork sees its changes. The environment may be running;
/// programs are not copied, they start again in the forks. The forks stay until `isolate rm`.
#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// Number of forks
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1)]
    count: usize,
    /// Prefix of the names of the forks; a number follows
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Fork {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(console, "removing the forks", async {
            let manager = session.manager();
            let environment = manager.open(&self.environment).await?;
            let options = ForkOptions {
                name: self.name.clone(),
                lifetime: Lifetime::Kept,
            };
            for fork in manager.fork(&environment, self.count, options).await? {
                match console.json {
                    true => console.value(&json!({
                        "id": fork.id(), "name": fork.name(), "engine": fork.engine()
                    }))?,
                    false => console.text(&format!("{}\n", fork.id()))?,
                }
            }
            Ok(exit_code::SUCCESS)
        })
        .await
    }
}
