//! `isolate ls`: the environments of every engine, joined with the journal.

use std::time::{Duration, SystemTime};

use clap::Args;
use indicatif::HumanDuration;
use isolation::{Listed, Standing, Status};

use crate::console::Console;
use crate::error::{CliError, brief};
use crate::exit_code;
use crate::session::Session;
use crate::table::table;

/// List environments, created by any process
///
/// The column LIFETIME shows who removes an environment: its owner (a process), only `isolate
/// rm` (kept), or `isolate gc` (orphan: its owner was killed). The status `lost` means that
/// somebody else removed it, `unreachable` that its daemon does not answer; `stopped (3)` has the
/// exit code of the main process. The columns CREATED and PORTS are those of `docker ps`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// List only the services of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

impl Ls {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let mut listing = session.manager().list().await?;
        if let Some(group) = &self.group {
            let prefix = format!("{group}/");
            listing.environments.retain(|one| one.name.starts_with(&prefix));
        }
        for engine in &listing.rejected {
            console.detail(&format!("not listed: {}", brief(&engine.to_string())));
        }
        console.list(&listing.environments, |one| one.id.as_str(), text)?;
        Ok(exit_code::SUCCESS)
    }
}

fn text(environments: &[Listed]) -> String {
    let row = |one: &Listed| {
        let optional = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            one.id.to_string(),
            one.name.clone(),
            one.engine.clone(),
            status(one),
            ago(one.created),
            match one.ports.is_empty() {
                true => "-".to_owned(),
                false => one.ports.join(", "),
            },
            lifetime(one.standing),
            optional(&one.image),
            optional(&one.owner),
        ]
    };
    let rows: Vec<_> = environments.iter().map(row).collect();
    let head = [
        "ID", "NAME", "ENGINE", "STATUS", "CREATED", "PORTS", "LIFETIME", "IMAGE", "OWNER",
    ];
    table(head, &rows)
}

/// The status, with the exit code of the main process.
fn status(one: &Listed) -> String {
    match (one.status, one.exit_code) {
        (None, _) => "unreachable".to_owned(),
        (Some(Status::Stopped), Some(code)) => format!("{} ({code})", Status::Stopped),
        (Some(status), _) => status.to_string(),
    }
}

/// The age, as docker ps writes it.
fn ago(created: Option<u64>) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    match (created, now) {
        (Some(created), Ok(now)) => {
            let age = now.saturating_sub(Duration::from_secs(created));
            format!("{} ago", HumanDuration(age))
        }
        _ => "-".to_owned(),
    }
}

fn lifetime(standing: Standing) -> String {
    match standing {
        Standing::Owner { pid } => format!("process {pid}"),
        Standing::Orphan { .. } => "orphan".to_owned(),
        Standing::Kept => "kept".to_owned(),
        Standing::Shared { users } => format!("shared by {users}"),
        Standing::Damaged => "damaged".to_owned(),
        _ => "-".to_owned(),
    }
}
