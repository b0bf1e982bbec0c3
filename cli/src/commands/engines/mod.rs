//! `isolate engines`: which engines are available, and which features each one supports.

mod compare;
mod missing;

use clap::{Args, Subcommand};
use isolation::engines::docker::PullPolicy;
use isolation::{Feature, Probe};
use serde::Serialize;

use missing::missing;

use crate::client::Client;
use crate::console::Console;
use crate::error::{CliError, brief};
use crate::escape;
use crate::exit_code;
use crate::registry;

/// List the engines, whether each is available, and the features it supports
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Engines {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Compare),
}

/// An engine with its availability and features.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    version: String,
    /// Whether and when the engine may be chosen.
    enabled: bool,
    priority: i32,
    #[serde(flatten)]
    probe: Probe,
}

impl Engines {
    pub(crate) async fn run(&self, client: &Client, console: Console) -> Result<u8, CliError> {
        let registry = registry::open(client, PullPolicy::default())?;
        if let Some(Command::Compare(compare)) = &self.command {
            return compare.run(&registry, console).await;
        }
        let mut rows = Vec::new();
        for engine in registry.engines() {
            let settings = registry.settings(engine.name());
            rows.push(Row {
                name: engine.name().to_owned(),
                version: engine.version().to_owned(),
                enabled: settings.enabled.unwrap_or(true),
                priority: settings.priority.unwrap_or(0),
                probe: engine.probe().await,
            });
        }
        if console.json {
            console.value(&rows)?;
        } else {
            console.text(&text(&rows))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

fn text(rows: &[Row]) -> String {
    let name = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(8);
    let mut text = String::new();
    for row in rows {
        let availability = brief(&row.probe.availability.to_string());
        let availability = escape::line(&availability);
        let disabled = if row.enabled { "" } else { "disabled; " };
        text.push_str(&format!("{:name$}  {disabled}{availability}\n", row.name));
    }
    text.push_str(&line("\n", "", rows.iter().map(|row| row.name.as_str()), name));
    let level = |row: &Row| row.probe.capabilities.isolation().to_string();
    let levels: Vec<String> = rows.iter().map(level).collect();
    text.push_str(&line("", "isolation", levels.iter().map(String::as_str), name));
    for feature in Feature::ALL {
        let has = |row: &Row| {
            if row.probe.capabilities.has(feature) {
                "yes"
            } else {
                "-"
            }
        };
        text.push_str(&line("", &feature.to_string(), rows.iter().map(has), name));
    }
    let reasons = rows
        .iter()
        .map(|row| missing(&row.name, &row.probe.capabilities, Feature::ALL.into_iter()));
    text.push('\n');
    text.extend(reasons);
    text
}

/// One row of the table: the feature, then a cell for each engine.
fn line<'a>(before: &str, feature: &str, cells: impl Iterator<Item = &'a str>, name: usize) -> String {
    let width = name.max("virtual machine".len());
    let cells: String = cells.map(|cell| format!("  {cell:width$}")).collect();
    let features = Feature::ALL.iter().map(|feature| feature.to_string().len());
    let first = features.max().unwrap_or(0);
    format!("{before}{}\n", format!("{feature:first$}{cells}").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation::{Capabilities, IsolationLevel};

    #[test]
    fn missing_feature_has_a_row_and_a_reason() {
        let rows = [Row {
            name: "bare".into(),
            version: "1".into(),
            enabled: true,
            priority: 0,
            probe: Probe::available(
                "always",
                Capabilities::new(IsolationLevel::Process)
                    .with(Feature::ALL)
                    .without(Feature::Images, "it has directories")
                    .without(Feature::Pause, "no freezer")
                    .without(Feature::Volumes, "it has directories"),
            ),
        }];
        let text = text(&rows);
        assert!(text.starts_with("bare      available: always\n"), "{text}");
        assert!(
            text.contains("\nimages                 -\n") && text.contains("\nmounts                 yes\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "\n\nbare does not support images, volumes: it has directories\n\
                 bare does not support pausing: no freezer\n"
            ),
            "{text}"
        );
    }
}
