//! `isolate network ls`.

use clap::Args;
use isolation::engines::docker::NetworkInfo;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::table::table;

/// List networks
///
/// ON DAEMON is the name that the docker command shows. The column LIFETIME shows who removes a
/// network: its owner (a process), or only `isolate network rm` and `prune` (kept).
#[derive(Debug, Args)]
pub(super) struct Ls {}

impl Ls {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let networks = session.docker()?.networks().list().await?;
        console.list(&networks, |one| &one.id, text)?;
        Ok(exit_code::SUCCESS)
    }
}

fn text(networks: &[NetworkInfo]) -> String {
    let row = |one: &NetworkInfo| {
        [
            one.id.clone(),
            one.name.clone(),
            one.subnets.join(" "),
            if one.internal { "yes" } else { "no" }.to_owned(),
            one.lifetime.to_string(),
            one.on_daemon.clone(),
        ]
    };
    let rows: Vec<_> = networks.iter().map(row).collect();
    let head = ["ID", "NAME", "SUBNETS", "INTERNAL", "LIFETIME", "ON DAEMON"];
    table(head, &rows)
}
