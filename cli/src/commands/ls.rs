//! `isolate ls`: the environments of every engine.

use clap::Args;
use isolation::EnvironmentSummary;
use isolation::engines::docker::PullPolicy;

use crate::client::Client;
use crate::console::Console;
use crate::error::{CliError, brief};
use crate::exit_code;
use crate::registry;
use crate::table::table;

/// List environments, created by any process
#[derive(Debug, Args)]
pub(crate) struct Ls {}

impl Ls {
    pub(crate) async fn run(&self, client: &Client, console: Console) -> Result<u8, CliError> {
        let registry = registry::open(client, PullPolicy::default())?;
        let (environments, rejected) = registry.list().await;
        for engine in rejected {
            console.detail(&format!("not listed: {}", brief(&engine.to_string())));
        }
        if console.json {
            console.value(&environments)?;
        } else {
            console.text(&text(&environments))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

fn text(environments: &[EnvironmentSummary]) -> String {
    let row = |one: &EnvironmentSummary| {
        let optional = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            one.id.to_string(),
            one.name.clone(),
            one.engine.clone(),
            one.status.to_string(),
            optional(&one.image),
            optional(&one.owner),
        ]
    };
    let rows: Vec<_> = environments.iter().map(row).collect();
    table(["ID", "NAME", "ENGINE", "STATUS", "IMAGE", "OWNER"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation::Status;

    #[test]
    fn row_has_a_dash_for_what_is_missing() {
        let one = EnvironmentSummary {
            id: "0123456789abcdef".parse().unwrap(),
            name: "web".into(),
            engine: "basic".into(),
            status: Status::Stopped,
            image: None,
            owner: None,
            session: None,
        };
        let text = text(&[one]);
        let last = text.lines().last().unwrap();
        assert_eq!(last, "0123456789abcdef  web   basic   stopped  -      -");
    }
}
