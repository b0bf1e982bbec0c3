//! The lines of all services of a group, in the order of their times.

use std::time::SystemTime;

use isolation::{Group, LogEntry, LogOptions, LogStream};
use tokio::sync::mpsc;

use super::log_printer::Printer;
use crate::error::CliError;

/// The number of lines that may wait to be printed.
const BACKLOG: usize = 64;

/// The log of a service, and its next entry.
struct Source {
    /// The name, padded to the width of the longest name.
    service: String,
    log: LogStream,
    next: Option<LogEntry>,
}

/// Prints the lines of every service. With `follow`, they are printed as they come.
pub(super) async fn print(
    group: &Group,
    options: &LogOptions,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let width = group.services().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut sources = Vec::new();
    for (name, environment) in group.services() {
        let log = match environment.logs(options.clone()).await {
            Ok(log) => log,
            // A service without a main process writes nothing.
            Err(error) if error.is_unsupported() => continue,
            Err(error) => return Err(error.into()),
        };
        sources.push(Source {
            service: format!("{name:width$}"),
            log,
            next: None,
        });
    }
    match options.follow {
        true => follow(sources, printer).await,
        false => merge(sources, printer).await,
    }
}

/// Prints the oldest line of all services, until no line is left.
async fn merge(mut sources: Vec<Source>, printer: &mut Printer) -> Result<(), CliError> {
    for source in &mut sources {
        source.next = source.log.next().await?;
    }
    loop {
        let waiting = sources.iter_mut().filter(|source| source.next.is_some());
        let Some(oldest) = waiting.min_by_key(|source| source.next.as_ref().and_then(time)) else {
            return Ok(());
        };
        if let Some(entry) = oldest.next.take() {
            printer.entry(Some(&oldest.service), &entry).await?;
        }
        oldest.next = oldest.log.next().await?;
    }
}

/// The time of a line. An entry without a time is printed at once.
fn time(entry: &LogEntry) -> Option<SystemTime> {
    match entry {
        LogEntry::Line(line) => line.at,
        LogEntry::Gap { .. } => None,
    }
}

async fn follow(sources: Vec<Source>, printer: &mut Printer) -> Result<(), CliError> {
    let (sender, mut entries) = mpsc::channel(BACKLOG);
    let mut tasks = tokio::task::JoinSet::new();
    for mut source in sources {
        let sender = sender.clone();
        tasks.spawn(async move {
            while let Some(entry) = source.log.next().await? {
                // The receiver exists as long as this task.
                let _ = sender.send((source.service.clone(), entry)).await;
            }
            isolation::Result::Ok(())
        });
    }
    drop(sender);
    while let Some((service, entry)) = entries.recv().await {
        printer.entry(Some(&service), &entry).await?;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| CliError::new("the logs were not read to the end").because(&error))??;
    }
    Ok(())
}
