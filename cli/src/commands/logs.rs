//! `isolate logs`: prints the output of the main process.

use std::time::SystemTime;

use clap::Args;
use isolation::{Environment, LogOptions, LogOrigin};

use super::group_logs;
use super::log_printer::Printer;
use super::stream::Sink;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Show the output of the main process of an environment, of its commands, or of a group
///
/// Without a main process, the output of the commands that have exited is shown. Standard output
/// and standard error stay separate. Each line of a group begins with the name of its service.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Show the output of commands, not of the main process
    #[arg(long)]
    commands: bool,
    /// Continue with new lines until the main process ends
    #[arg(long, short)]
    follow: bool,
    /// Show only this many lines from the end, or all
    #[arg(long, short = 'n', value_name = "N|all", visible_alias = "lines", value_parser = parse::tail)]
    tail: Option<parse::Tail>,
    /// Show only lines since this time: 2026-11-28T18:00:00Z, or 10m for the last ten minutes
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    since: Option<SystemTime>,
    /// Show only lines until this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    until: Option<SystemTime>,
    /// Print the time before each line
    #[arg(long, short)]
    timestamps: bool,
    /// Name or ID of the environment, or name of a group; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Logs {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let manager = session.manager();
        let opened = match manager.open(&self.environment).await {
            Err(error) if error.is_not_found() => match manager.group(&self.environment).await {
                Ok(group) => Err(group),
                // The name is more likely that of an environment.
                Err(none) if none.is_not_found() => return Err(error.into()),
                Err(failed) => return Err(failed.into()),
            },
            opened => Ok(opened?),
        };
        let mut printer = Printer {
            sink: Sink::new(console),
            console,
            timestamps: self.timestamps,
        };
        let printing = async {
            match opened {
                Ok(environment) => self.environment(&environment, &mut printer).await,
                Err(group) => {
                    group_logs::print(&group, &self.options(), &mut printer).await?;
                    Ok(exit_code::SUCCESS)
                }
            }
        };
        signals::interruptible(console, "", printing).await
    }

    async fn environment(&self, environment: &Environment, printer: &mut Printer) -> Result<u8, CliError> {
        let mut log = environment.logs(self.options()).await?;
        while let Some(entry) = log.next().await? {
            printer.entry(None, &entry).await?;
        }
        Ok(exit_code::SUCCESS)
    }

    fn options(&self) -> LogOptions {
        LogOptions {
            origin: self.commands.then_some(LogOrigin::Commands),
            follow: self.follow,
            since: self.since,
            until: self.until,
            tail: match self.tail {
                None | Some(parse::Tail::All) => None,
                Some(parse::Tail::Lines(lines)) => Some(lines),
            },
            ..LogOptions::default()
        }
    }
}
