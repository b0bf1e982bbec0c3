//! `isolate engines compare`: two engines side by side.

use clap::Args;
use isolation::{Capabilities, DiskLimitKind, Feature, Probe, Registry};
use serde::Serialize;

use super::missing::missing;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::table::table;

/// Compare two engines: isolation, features, and the values of the features
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Name of the first engine
    #[arg(value_name = "ENGINE")]
    first: String,
    /// Name of the second engine
    #[arg(value_name = "ENGINE")]
    second: String,
}

/// The comparison as JSON.
#[derive(Debug, Serialize)]
struct Comparison<'a> {
    engines: [Side<'a>; 2],
    /// The features that only one of them has.
    differences: Vec<isolation::Difference>,
}

#[derive(Debug, Serialize)]
struct Side<'a> {
    name: &'a str,
    #[serde(flatten)]
    probe: &'a Probe,
}

impl Compare {
    pub(super) async fn run(&self, registry: &Registry, console: Console) -> Result<u8, CliError> {
        let first = registry.get(&self.first)?.probe().await;
        let second = registry.get(&self.second)?.probe().await;
        if console.json {
            let side = |name, probe| Side { name, probe };
            console.value(&Comparison {
                engines: [side(&self.first, &first), side(&self.second, &second)],
                differences: first.capabilities.differences(&second.capabilities),
            })?;
        } else {
            console.text(&text([&self.first, &self.second], [&first, &second]))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

fn text(names: [&str; 2], probes: [&Probe; 2]) -> String {
    let sides = probes.map(|probe| &probe.capabilities);
    let available = |probe: &Probe| yes(probe.availability.is_available());
    let mut rows = vec![
        row("available", probes.map(available)),
        row("isolation", sides.map(|side| side.isolation().to_string())),
    ];
    rows.extend(values(sides));
    for feature in Feature::ALL {
        rows.push(row(
            &feature.to_string(),
            sides.map(|side| yes(side.has(feature))),
        ));
    }
    let mut text = table(["", names[0], names[1], "DIFFERS"], &rows);
    let differs = |feature: &Feature| sides[0].has(*feature) != sides[1].has(*feature);
    let reasons = names
        .into_iter()
        .zip(sides)
        .map(|(name, side)| missing(name, side, Feature::ALL.into_iter().filter(differs)));
    text.push('\n');
    text.extend(reasons);
    text
}

fn values(sides: [&Capabilities; 2]) -> [[String; 4]; 6] {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let list = |words: &[String]| match words {
        [] => "-".to_owned(),
        words => words.join(", "),
    };
    let disk = |side: &Capabilities| match side.values().disk_limit {
        Some(kind) => kind.to_string(),
        // The storage of an environment decides.
        None if side.has(Feature::DiskLimit) => {
            format!("{} or {}", DiskLimitKind::Enforced, DiskLimitKind::Supervised)
        }
        None => "-".to_owned(),
    };
    let metrics = |side: &Capabilities| match side.values().metrics {
        Some(kind) => kind.to_string(),
        None => "-".to_owned(),
    };
    let mebibytes = |side: &Capabilities| match side.values().memory {
        Some(bytes) => format!("{} MiB", bytes >> 20),
        None => "-".to_owned(),
    };
    [
        row("memory", sides.map(mebibytes)),
        row("CPUs", sides.map(|side| number(side.values().cpus))),
        row(
            "package managers",
            sides.map(|side| list(&side.values().package_managers)),
        ),
        row(
            "network modes",
            sides.map(|side| list(&side.values().network_modes)),
        ),
        row("disk limits", sides.map(disk)),
        row("measurements", sides.map(metrics)),
    ]
}

fn row(what: &str, [first, second]: [String; 2]) -> [String; 4] {
    let differs = if first == second { "" } else { "*" };
    [what.to_owned(), first, second, differs.to_owned()]
}

fn yes(has: bool) -> String {
    if has { "yes" } else { "-" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation::IsolationLevel;

    #[test]
    fn difference_is_marked_and_has_a_reason() {
        let bare = Capabilities::new(IsolationLevel::Process).with([Feature::Stdin]);
        let full = Capabilities::new(IsolationLevel::Container).with(Feature::ALL);
        let [bare, full] = [bare, full].map(|side| Probe::available("here", side));
        let text = text(["bare", "full"], [&bare, &full]);
        let line = |start: &str| {
            text.lines()
                .find(|line| line.starts_with(start))
                .unwrap()
                .to_owned()
        };
        assert!(
            line("images").ends_with('*') && !line("standard input").ends_with('*'),
            "{text}"
        );
        assert!(line("isolation").contains("container"), "{text}");
        assert!(line("disk limits").contains("enforced or supervised"), "{text}");
        assert!(
            text.contains("bare does not support images, builds of images, "),
            "{text}"
        );
        assert!(!text.contains("full does not support"), "{text}");
    }
}
