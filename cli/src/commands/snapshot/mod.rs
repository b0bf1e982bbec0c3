//! `isolate snapshot`: saves environments, and restores them.

mod create;
mod diff;
mod export;
mod gc;
mod import;
mod ls;
mod progress_bar;
mod restore;
mod rm;
mod show;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isolation::snapshots::SnapshotStore;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Save environments, and restore them
///
/// A snapshot contains the files of an environment, its volumes, its configuration and the list of
/// its packages. It does not contain memory, connections, mounted directories of this machine and
/// the values of environment variables, except for the paths that activate a virtual environment of
/// Python; `isolate snapshot show` lists what was left out.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Snapshot {
    /// Directory of the snapshots; also ISOLATE_SNAPSHOT_STORE [default:
    /// ~/.local/share/isolate/snapshots]
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Create),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    Show(show::Show),
    Diff(diff::Diff),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Export(export::Export),
    Import(import::Import),
    Rm(rm::Rm),
    Gc(gc::Gc),
}

impl Snapshot {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let store = SnapshotStore::open(self.store.as_deref())?;
        match &self.command {
            Command::Create(create) => create.run(&store, session, console).await,
            Command::Ls(ls) => ls.run(&store, console),
            Command::Show(show) => show.run(&store, console),
            Command::Diff(diff) => diff.run(&store, console).await,
            Command::Restore(restore) => restore.run(&store, session, console).await,
            Command::Verify(verify) => verify.run(&store, console),
            Command::Export(export) => export.run(&store, console),
            Command::Import(import) => import.run(&store, console),
            Command::Rm(rm) => rm.run(&store, console),
            Command::Gc(gc) => gc.run(&store, console),
        }
    }
}
