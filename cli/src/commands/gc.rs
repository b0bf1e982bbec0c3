//! `isolate gc`: removes environments whose owner process was killed.

use std::path::PathBuf;

use clap::Args;
use isolation::{Gc as Options, GcEntry, GcFailure, GcReport};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove environments whose owner was killed, and files of interrupted migrations
///
/// It reads the journal of this user. Environments of live processes, kept environments and
/// containers of other programs are not touched. Environments of a daemon that does not answer
/// stay for the next time, and the exit code is then 1.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Only print what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl Gc {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let options = Options {
            dry_run: self.dry_run,
        };
        self.print(&session.manager().gc(options).await?, console)
    }

    fn print(&self, report: &GcReport, console: Console) -> Result<u8, CliError> {
        if console.json {
            console.value(report)?;
        } else {
            console.text(&text(report, self.dry_run))?;
            for GcFailure { id, name, error, .. } in &report.failed {
                let what = if name.is_empty() { id.as_str() } else { name };
                console.error(&CliError::new(format!("cannot remove {what}")).because(error));
            }
        }
        Ok(match report.failed.is_empty() {
            true => exit_code::SUCCESS,
            false => exit_code::NO,
        })
    }
}

fn text(report: &GcReport, dry_run: bool) -> String {
    let removed = if dry_run { "would remove" } else { "removed" };
    let line = |verb: &str, one: &GcEntry| {
        let GcEntry { id, name, engine, .. } = one;
        format!("{verb} {id} {name} ({engine}, process {})\n", one.pid)
    };
    let gone = report.gone.iter().map(|one| line("already gone", one));
    let lines = report.removed.iter().map(|one| line(removed, one)).chain(gone);
    let directory = |path: &PathBuf| format!("{removed} {}, of an interrupted migration\n", path.display());
    lines.chain(report.directories.iter().map(directory)).collect()
}
