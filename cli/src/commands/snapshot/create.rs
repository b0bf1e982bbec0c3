//! `isolate snapshot create`.

use clap::Args;
use indicatif::HumanBytes;
use isolation::snapshots::{SnapshotOptions, SnapshotStore};

use super::progress_bar::Shown;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Save an environment, and print the ID of the snapshot
///
/// A running environment is paused during the snapshot, if its engine supports that. Content that
/// is already in the store is not stored again, and the engines basic and virtualenv do not read
/// files that have not changed since the last snapshot. Every snapshot is complete, and can be
/// removed alone.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Name of the snapshot, which no other snapshot has
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Read every file, also if an earlier snapshot exists
    #[arg(long)]
    full: bool,
    /// Keep compiled Python code (engines basic and virtualenv)
    #[arg(long)]
    bytecode: bool,
    /// List the installed packages; this runs the package managers in the environment
    #[arg(long)]
    packages: bool,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Create {
    pub(super) async fn run(
        &self,
        store: &SnapshotStore,
        session: &Session,
        console: Console,
    ) -> Result<u8, CliError> {
        signals::interruptible(
            console,
            "no snapshot was saved; `isolate snapshot gc` frees the space of its parts",
            async {
                let environment = session.manager().open(&self.environment).await?;
                let (shown, progress) = Shown::new(console, "snapshot");
                let options = SnapshotOptions {
                    name: self.name.clone(),
                    full: self.full,
                    bytecode: self.bytecode,
                    packages: self.packages,
                    progress,
                    ..SnapshotOptions::default()
                };
                let saved = environment.snapshot(store, options).await?;
                drop(shown);
                match console.json {
                    true => console.value(&saved)?,
                    false => {
                        let manifest = &saved.snapshot.manifest;
                        console.note(&format!(
                            "saved {} of files; the store has grown by {}",
                            HumanBytes(manifest.size()),
                            HumanBytes(saved.added)
                        ));
                        for left in &manifest.left_out {
                            console.detail(&format!("left out: {} ({})", left.what, left.why));
                        }
                        console.text(&format!("{}\n", saved.snapshot.id.short()))?;
                    }
                }
                Ok(exit_code::SUCCESS)
            },
        )
        .await
    }
}
