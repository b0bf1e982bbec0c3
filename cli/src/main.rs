//! `isolate`: runs a command in an isolated environment and reports which engines are available.
//!
//! - [`args`] is the command line, [`global`] the options of every command, [`parse`] reads option
//!   values.
//! - [`commands`] contains one file or directory per command; each returns an exit code or an
//!   [`error`].
//! - [`client`] connects to the Docker daemon that the options name; [`registry`] lists the
//!   engines; [`session`] contains the manager of a command and the file of its events.
//! - [`calls`] prints the calls of the daemon.
//! - [`recording_file`] writes recordings, and does not replace a good recording by a bad one.
//! - [`signal_proxy`] passes signals on to a running command.
//! - [`signals`] makes Ctrl-C and similar signals start the cleanup.
//! - [`terminal`] is the raw mode and the size of this process's terminal.
//! - [`standard_input`] is this process's input.
//! - [`console`] is the only place that writes to this process's own output; [`escape`] makes text
//!   of other programs safe for a terminal, and [`table`] aligns columns.

mod archive_input;
mod args;
mod calls;
mod client;
mod commands;
mod console;
mod error;
mod escape;
mod events_during;
mod exit_code;
mod global;
mod parse;
mod recording_file;
mod registry;
mod session;
mod signal_proxy;
mod signals;
mod standard_input;
mod table;
mod terminal;
mod text_file;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::CommandFactory;
use tokio::runtime::Runtime;

use crate::args::Cli;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;

/// The time that this process waits at its end for cleanup that has already started.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let mut cli = match Cli::parse_words(&words) {
        Ok(cli) => cli,
        Err(error) => return print_clap_message(&error, &words),
    };
    let console = Console::new(&cli.global);
    let code = match run(&mut cli, console) {
        Ok(code) => code,
        // The reader of our output closed the pipe, which is not an error.
        Err(error) if error.is_broken_pipe() => exit_code::SUCCESS,
        Err(error) => {
            console.error(&error);
            error.code()
        }
    };
    ExitCode::from(code)
}

fn run(cli: &mut Cli, console: Console) -> Result<u8, CliError> {
    cli.global.check()?;
    if cli.command.is_configured() {
        cli.global.load()?;
        cli.global.lift(cli.command.lifted_limits());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new("cannot start").because(&error))?;
    let outcome = runtime.block_on(commands::run(&cli.command, &cli.global, Cli::command(), console));
    shut_down(runtime);
    outcome
}

/// Ends the runtime. Tasks and threads clean up when they are dropped or have lost their task, and
/// this function waits for them up to [`SHUTDOWN_TIMEOUT`]. It does not wait for a thread that
/// still reads from standard input.
fn shut_down(runtime: Runtime) {
    let (done, ended) = mpsc::channel();
    let ending = std::thread::Builder::new().spawn(move || {
        match standard_input::is_read() {
            true => runtime.shutdown_background(),
            false => runtime.shutdown_timeout(SHUTDOWN_TIMEOUT),
        }
        // After the timeout the receiver is closed, and sending fails.
        let _ = done.send(());
    });
    if ending.is_ok() {
        let _ = ended.recv_timeout(SHUTDOWN_TIMEOUT);
    }
}

/// Prints help, the version, or an error of the arguments.
fn print_clap_message(error: &clap::Error, words: &[OsString]) -> ExitCode {
    if error.use_stderr() && args::want_json(words) {
        let global = Global {
            json: true,
            ..Global::default()
        };
        Console::new(&global).error(&args::error(error));
    } else if let Err(unwritten) = error.print() {
        let unwritten = CliError::output(&unwritten);
        // If standard error cannot be written, there is no other place to report it.
        if !error.use_stderr() && !unwritten.is_broken_pipe() {
            Console::new(&Global::default()).error(&unwritten);
            return ExitCode::from(exit_code::FAILED);
        }
    }
    ExitCode::from(if error.use_stderr() {
        exit_code::FAILED
    } else {
        exit_code::SUCCESS
    })
}
