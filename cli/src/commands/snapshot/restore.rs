//! `isolate snapshot restore`.

use clap::Args;
use isolation::Lifetime;
use isolation::snapshots::{RestoreOptions, SnapshotStore};
use serde_json::json;

use super::progress_bar::Shown;
use crate::commands::variables::VariableOptions;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Create an environment from a snapshot, and print its ID; it stays until `isolate rm`
///
/// The saved environment does not change. Programs start again. A snapshot contains no values of
/// environment variables: --env and --env-file set them.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// Engine, instead of that of the snapshot: docker and sandbox restore each other's snapshots
    /// of environments with an image
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Name of the new environment
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Allow an imported snapshot to mount directories of this machine and volumes of others, to
    /// join networks, to change restrictions, to set options of its engine, and to run programs
    /// directly on this machine
    #[arg(long)]
    trust: bool,
    #[command(flatten)]
    variables: VariableOptions,
    /// Name or ID of the snapshot; a unique beginning of an ID is enough
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
}

impl Restore {
    pub(super) async fn run(
        &self,
        store: &SnapshotStore,
        session: &Session,
        console: Console,
    ) -> Result<u8, CliError> {
        signals::interruptible(console, "removing the new environment", async {
            let snapshot = store.find(&self.snapshot)?;
            let (shown, progress) = Shown::new(console, "restore");
            let options = RestoreOptions {
                engine: self.engine.clone(),
                name: self.name.clone(),
                lifetime: Lifetime::Kept,
                env: self.variables.given().values().into(),
                trust: self.trust,
                progress,
            };
            let restored = session.manager().restore(store, &snapshot, options).await?;
            drop(shown);
            let (environment, missing) = (&restored.environment, &restored.missing_variables);
            if !missing.is_empty() {
                let noun = if missing.len() == 1 {
                    "variable"
                } else {
                    "variables"
                };
                console.warning(&format!(
                    "no value for the environment {noun} {}; use --env",
                    missing.join(", ")
                ));
            }
            for lost in &restored.lost {
                console.warning(&format!("not restored: {} ({})", lost.what, lost.why));
            }
            match console.json {
                true => console.value(&json!({
                    "id": environment.id(), "name": environment.name(), "engine": environment.engine(),
                    "missing_variables": missing, "lost": restored.lost,
                }))?,
                false => console.text(&format!("{}\n", environment.id()))?,
            }
            Ok(exit_code::SUCCESS)
        })
        .await
    }
}
