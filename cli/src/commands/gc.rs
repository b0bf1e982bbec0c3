//! `isolate gc`: removes environments whose owner process was killed.

use std::path::PathBuf;

use clap::Args;
use isolation::{Gc as Options, GcEntry, GcFailure, GcImage, GcReport};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove what killed processes have left, and resume environments that they had paused
///
/// It reads the journal of this user: environments whose owner was killed and files of interrupted
/// migrations are removed; an environment that was paused for a snapshot, a fork or a migration is
/// resumed. An image of forks or of a restored snapshot that other programs used when its last
/// environment was removed is removed as soon as nothing uses it. If another program has removed
/// the container of a kept environment, the volumes and networks of the environment are removed,
/// too. Environments of live processes, kept environments and containers of other programs are not
/// touched. The resources of a daemon that does not answer stay for the next time, and the exit
/// code is then 1.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Only print what would be removed and resumed
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
    let resumed = if dry_run { "would resume" } else { "resumed" };
    let resumed = report.resumed.iter().map(|one| line(resumed, one));
    let lines = report.removed.iter().map(|one| line(removed, one)).chain(gone);
    let lines = resumed.chain(lines);
    let directory = |path: &PathBuf| format!("{removed} {}, of an interrupted migration\n", path.display());
    let lines = lines.chain(report.directories.iter().map(directory));
    let image = |verb: &str, one: &GcImage| format!("{verb} the image {} ({})\n", one.name, one.engine);
    let images = report.images.iter().map(|one| image(removed, one));
    let used = report
        .used_images
        .iter()
        .map(|one| image("others still use", one));
    lines.chain(images).chain(used).collect()
}
