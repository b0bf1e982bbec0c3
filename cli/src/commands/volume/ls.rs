//! `isolate volume ls`.

use clap::Args;
use isolation::engines::docker::{VolumeInfo, VolumeUsage};
use serde::Serialize;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::table::table;

/// List volumes
///
/// ON DAEMON is the name that the docker command shows. The column LIFETIME shows who removes a
/// volume: its owner (a process), or only `isolate volume rm` and `prune` (kept).
#[derive(Debug, Args)]
pub(super) struct Ls {
    /// Measure the volumes and count their users; the daemon may need seconds for that
    #[arg(long)]
    size: bool,
}

/// A volume, and its usage if that was asked for.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    volume: VolumeInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<VolumeUsage>,
}

impl Ls {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let volumes = session.docker()?.volumes();
        let mut rows = Vec::new();
        for volume in volumes.list().await? {
            let usage = match self.size {
                true => Some(volumes.usage(&volume.on_daemon).await?),
                false => None,
            };
            rows.push(Row { volume, usage });
        }
        console.list(&rows, |one| &one.volume.id, |rows| text(rows, self.size))?;
        Ok(exit_code::SUCCESS)
    }
}

fn text(volumes: &[Row], sizes: bool) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    if sizes {
        let row = |Row { volume, usage }: &Row| {
            let [id, name, lifetime, created, on_daemon] = columns(volume);
            let [size, users] = [
                usage.and_then(|usage| usage.size),
                usage.and_then(|usage| usage.containers),
            ];
            [
                id,
                name,
                lifetime,
                created,
                number(size),
                number(users),
                on_daemon,
            ]
        };
        let rows: Vec<_> = volumes.iter().map(row).collect();
        let head = ["ID", "NAME", "LIFETIME", "CREATED", "BYTES", "USERS", "ON DAEMON"];
        return table(head, &rows);
    }
    let rows: Vec<_> = volumes.iter().map(|row| columns(&row.volume)).collect();
    table(["ID", "NAME", "LIFETIME", "CREATED", "ON DAEMON"], &rows)
}

fn columns(volume: &VolumeInfo) -> [String; 5] {
    let lifetime = volume.lifetime.to_string();
    [
        &volume.id,
        &volume.name,
        &lifetime,
        &volume.created,
        &volume.on_daemon,
    ]
    .map(Clone::clone)
}
