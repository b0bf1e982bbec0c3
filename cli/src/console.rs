//! This process's own output: results on standard output, messages on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::CliError;
use crate::escape;
use crate::global::Global;

/// The output of this process, with the options that control it.
///
/// Everything except [`bytes`](Self::bytes) is [escaped](escape). All values of a Docker daemon
/// reach a terminal through this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Console {
    /// Print results as JSON.
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Print more details.
    pub(crate) verbose: bool,
}

impl Console {
    /// A console with these options.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.is_verbose(),
        }
    }

    /// Writes a result as it is, and flushes it.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| CliError::output(&error))
    }

    /// Writes a result as text for people: control characters are escaped.
    pub(crate) fn text(self, text: &str) -> Result<(), CliError> {
        self.bytes(escape::text(text).as_bytes())
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), CliError> {
        self.bytes(&line(value)?)
    }

    /// Prints a value as JSON: indented for people, on one line with `--json`.
    pub(crate) fn document(self, value: &impl Serialize) -> Result<(), CliError> {
        let value = serde_json::to_value(value)
            .map_err(|error| CliError::new("cannot print the result as JSON").because(&error))?;
        match self.json {
            true => self.value(&value),
            false => self.text(&format!("{value:#}\n")),
        }
    }

    /// Prints a list: as one JSON document, as IDs with `--quiet`, otherwise as a table.
    pub(crate) fn list<T: Serialize>(
        self,
        items: &[T],
        id: impl Fn(&T) -> &str,
        table: impl FnOnce(&[T]) -> String,
    ) -> Result<(), CliError> {
        if self.json {
            self.value(&items)
        } else if self.quiet {
            self.text(
                &items
                    .iter()
                    .map(|item| format!("{}\n", id(item)))
                    .collect::<String>(),
            )
        } else {
            self.text(&table(items))
        }
    }

    /// Prints a message for people, unless `--quiet` or `--json` is set.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet && !self.json {
            self.message(text);
        }
    }

    /// Prints a warning, also if `--quiet` is set. With `--json`, a warning is part of a result
    /// instead.
    pub(crate) fn warning(self, text: &str) {
        if !self.json {
            self.message(&format!("warning: {text}"));
        }
    }

    /// Asks for input on standard error.
    pub(crate) fn prompt(self, text: &str) {
        write_stderr(escape::text(text).as_bytes());
    }

    /// Prints a message if `--verbose` is set.
    pub(crate) fn detail(self, text: &str) {
        if self.verbose {
            self.message(text);
        }
    }

    /// Prints the error of a command.
    pub(crate) fn error(self, error: &CliError) {
        let json = || line(&serde_json::json!({ "error": error })).ok();
        match self.json.then(json).flatten() {
            Some(line) => write_stderr(&line),
            None => write_stderr(escape::text(&error.text()).as_bytes()),
        }
    }

    /// Whether results go to a terminal.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether to draw progress bars: standard error is a terminal, and messages are not turned
    /// off.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    fn message(self, text: &str) {
        trace(text);
    }
}

/// Prints a message about the work of this process, for `-vv`.
pub(crate) fn trace(text: &str) {
    write_stderr(format!("isolate: {}\n", escape::text(text)).as_bytes());
}

/// A value as one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    let line = serde_json::to_string(value)
        .map_err(|error| CliError::new("cannot print the result as JSON").because(&error))?;
    Ok(format!("{}\n", escape::json(&line)).into_bytes())
}

/// Ignores errors: if standard error is closed, there is no other place to report it.
fn write_stderr(text: &[u8]) {
    let _ = io::stderr().lock().write_all(text);
}
