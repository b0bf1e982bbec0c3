//! `isolate stats`: the resources that environments use.

use std::time::Duration;

use clap::Args;
use isolation::{Environment, MetricsSample, Status};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;
use crate::table::table;

/// Show the resources that running and paused environments use
///
/// CPU is the usage since the previous sample, in percent of one CPU. A `~` marks values that are
/// sums over the processes that run, because this user may create no control group (cgroup) for the
/// environment: processes that have ended are then counted only in part.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Continue with a new sample after each interval, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// The time between two samples
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse::duration)]
    interval: Duration,
    /// Names or IDs of environments [default: all that run or are paused]
    #[arg(value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

/// An environment and its previous sample.
struct Watched {
    environment: Environment,
    previous: Option<MetricsSample>,
}

impl Stats {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let watching = async {
            let mut watched = self.watched(session).await?;
            // The first sample has nothing to compare with.
            sample(&mut watched).await?;
            loop {
                tokio::time::sleep(self.interval).await;
                let samples = sample(&mut watched).await?;
                report(&samples, console, self.follow)?;
                if !self.follow || samples.is_empty() {
                    return Ok(exit_code::SUCCESS);
                }
            }
        };
        signals::interruptible(console, "", watching).await
    }

    async fn watched(&self, session: &Session) -> Result<Vec<Watched>, CliError> {
        let references = match self.environments.is_empty() {
            false => self.environments.clone(),
            true => {
                let (listed, _) = session.manager().registry().list().await;
                let running = listed
                    .into_iter()
                    .filter(|one| matches!(one.status, Status::Running | Status::Paused));
                running.map(|one| one.id.to_string()).collect()
            }
        };
        let mut watched = Vec::new();
        for reference in references {
            let environment = match session.manager().open(&reference).await {
                Ok(environment) => environment,
                // Another process has removed it since it was listed.
                Err(error) if self.environments.is_empty() && error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            let previous = None;
            watched.push(Watched {
                environment,
                previous,
            });
        }
        Ok(watched)
    }
}

/// One environment, its sample, and its CPU usage.
type Row = (String, String, MetricsSample, Option<f64>);

/// Samples every environment that still runs. An engine without measurements is an error only if it
/// is the only engine.
async fn sample(watched: &mut Vec<Watched>) -> Result<Vec<Row>, CliError> {
    let mut rows = Vec::new();
    let mut left = Vec::new();
    let mut unsupported = None;
    for mut one in std::mem::take(watched) {
        match one.environment.metrics().await {
            Ok(sample) => {
                let cpus = one
                    .previous
                    .as_ref()
                    .and_then(|previous| sample.cpus_since(previous));
                one.previous = Some(sample.clone());
                rows.push((
                    one.environment.id().to_string(),
                    one.environment.name().to_owned(),
                    sample,
                    cpus,
                ));
                left.push(one);
            }
            Err(error) if error.is_unsupported() => unsupported = Some(error),
            Err(error) if one.previous.is_some() && has_ended(error.kind()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    *watched = left;
    match unsupported {
        Some(error) if rows.is_empty() => Err(error.into()),
        _ => Ok(rows),
    }
}

fn has_ended(kind: isolation::ErrorKind) -> bool {
    matches!(
        kind,
        isolation::ErrorKind::WrongStatus | isolation::ErrorKind::Lost
    )
}

fn report(rows: &[Row], console: Console, redraw: bool) -> Result<(), CliError> {
    if console.json {
        for (id, name, sample, cpus) in rows {
            let mut value = json!(sample);
            value["id"] = json!(id);
            value["name"] = json!(name);
            value["cpus"] = json!(cpus);
            console.value(&value)?;
        }
        return Ok(());
    }
    if redraw && console.is_terminal() {
        // Moves the cursor to the top left, and clears the screen below.
        console.bytes(b"\x1b[H\x1b[J")?;
    }
    console.text(&text(rows))
}

fn text(rows: &[Row]) -> String {
    let row = |(id, name, sample, cpus): &Row| {
        let about = if sample.is_approximate { "~" } else { "" };
        let limit = sample.memory_limit.map_or("-".to_owned(), size);
        [
            id.clone(),
            name.clone(),
            match cpus {
                _ if sample.is_paused => "paused".to_owned(),
                Some(cpus) => format!("{about}{:.1}%", cpus * 100.0),
                None => "-".to_owned(),
            },
            format!("{about}{} / {limit}", size(sample.memory)),
            format!("{about}{}", sample.processes),
            format!(
                "{} / {}",
                size(sample.network_received),
                size(sample.network_sent)
            ),
            format!("{} / {}", size(sample.disk_read), size(sample.disk_written)),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    table(
        [
            "ID",
            "NAME",
            "CPU",
            "MEMORY / LIMIT",
            "PROCESSES",
            "RECEIVED / SENT",
            "READ / WRITTEN",
        ],
        &rows,
    )
}

/// A number of bytes for people: `12.5MiB`.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded")]
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return match unit {
                "B" => format!("{bytes}B"),
                _ => format!("{value:.1}{unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1}TiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5KiB"),
            (13 << 20, "13.0MiB"),
            (u64::MAX, "16777216.0TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn row_has_a_dash_without_limit_and_cpu() {
        let row = (
            "id".into(),
            "web".into(),
            MetricsSample::new(SystemTime::UNIX_EPOCH),
            None,
        );
        let text = text(&[row]);
        let last: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last[..6], ["id", "web", "-", "0B", "/", "-"]);
    }

    #[test]
    fn row_of_approximate_values_says_so() {
        let mut sample = MetricsSample::new(SystemTime::UNIX_EPOCH);
        sample.is_approximate = true;
        let text = text(&[("id".into(), "web".into(), sample, Some(0.5))]);
        let last: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last[2..7], ["~50.0%", "~0B", "/", "-", "~0"]);
    }

    #[test]
    fn row_of_a_paused_environment_says_so() {
        let mut sample = MetricsSample::new(SystemTime::UNIX_EPOCH);
        sample.is_paused = true;
        let text = text(&[("id".into(), "web".into(), sample, Some(0.0))]);
        let last: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last[..3], ["id", "web", "paused"]);
    }
}
