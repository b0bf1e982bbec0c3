//! This process's own output: results on standard output, messages on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::CliError;
use crate::global::Global;

/// The output of this process, with the options that control it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Console {
    /// Print results as JSON.
    pub(crate) json: bool,
    quiet: bool,
    /// Print more details.
    pub(crate) verbose: bool,
}

impl Console {
    /// A console with these options.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Writes a result and flushes it.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| CliError::output(&error))
    }

    /// Writes a result as text.
    pub(crate) fn text(self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes())
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), CliError> {
        self.bytes(&line(value)?)
    }

    /// Prints a message for people, unless `--quiet` or `--json` is set.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet && !self.json {
            self.message(text);
        }
    }

    /// Prints a message if `--verbose` is set.
    pub(crate) fn detail(self, text: &str) {
        if self.verbose {
            self.message(text);
        }
    }

    /// Prints the error of a command.
    pub(crate) fn error(self, error: &CliError) {
        let json = || serde_json::to_string(&serde_json::json!({ "error": error })).ok();
        let text = self.json.then(json).flatten().map(|line| line + "\n");
        write_stderr(&text.unwrap_or_else(|| error.text()));
    }

    /// Whether to draw progress bars: standard error is a terminal, and messages are not turned
    /// off.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    fn message(self, text: &str) {
        write_stderr(&format!("isolate: {text}\n"));
    }
}

/// A value as one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| CliError::new("cannot print the result as JSON").because(&error))?;
    line.push(b'\n');
    Ok(line)
}

/// Ignores errors: if standard error is closed, there is no other place to report it.
fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
