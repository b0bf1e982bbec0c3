//! `isolate`: runs a command in an isolated environment, and looks at the engines that can make one.
//!
//! - [`args`] is the command line, [`values`] reads what is written in its options.
//! - [`commands`] holds one file or folder per command; each decides an exit code or a [`failure`].
//! - [`client`] finds the engine that the options name.
//! - [`console`] is the only place that writes to this process's own output; [`table`] aligns columns.

mod args;
mod client;
mod commands;
mod console;
mod exit;
mod failure;
mod table;
mod values;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;

use crate::args::Cli;
use crate::console::Console;
use crate::failure::Failure;

/// How long the end of this process waits for clean-up that was begun.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return said_by_clap(&error),
    };
    let console = Console::new(&cli.global);
    let code = match perform(cli, console) {
        Ok(code) => code,
        // Whoever read our output has seen enough: that is no failure.
        Err(failure) if failure.is_broken_pipe() => exit::SUCCESS,
        Err(failure) => {
            console.failure(&failure);
            failure.code()
        }
    };
    ExitCode::from(code)
}

fn perform(cli: Cli, console: Console) -> Result<u8, Failure> {
    cli.global.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start").because(&error))?;
    let outcome = runtime.block_on(commands::perform(cli, console));
    end(runtime);
    outcome
}

/// Ends the runtime. Tasks that clean up do so when they are dropped, which is waited for, but not for
/// ever; a thread that still reads from a terminal on which nobody types is not waited for at all.
fn end(runtime: Runtime) {
    let (done, ended) = mpsc::channel();
    let ending = std::thread::Builder::new().spawn(move || {
        runtime.shutdown_background();
        // Nobody listens any more when it took too long.
        let _ = done.send(());
    });
    if ending.is_ok() {
        let _ = ended.recv_timeout(PATIENCE);
    }
}

/// Help and version are asked for; everything else clap says is about wrong arguments.
fn said_by_clap(error: &clap::Error) -> ExitCode {
    // Nothing is left to tell anyone when even this cannot be written.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() {
        exit::FAILED
    } else {
        exit::SUCCESS
    })
}
