//! This process's own output: results on standard output, messages on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::CliError;
use crate::global::Global;

/// How to talk: what the options of every command say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Console {
    /// Results as JSON.
    pub(crate) json: bool,
    quiet: bool,
    /// Say more.
    pub(crate) verbose: bool,
}

impl Console {
    /// A console as the options want it.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Writes a result, at once.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| CliError::output(&error))
    }

    /// Writes a result of text.
    pub(crate) fn text(self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes())
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), CliError> {
        self.bytes(&line(value)?)
    }

    /// Tells people something they want to know; programs have the same as JSON.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet && !self.json {
            self.message(text);
        }
    }

    /// Tells people something only when they asked for more.
    pub(crate) fn detail(self, text: &str) {
        if self.verbose {
            self.message(text);
        }
    }

    /// Tells why the command failed.
    pub(crate) fn error(self, failure: &CliError) {
        let json = || serde_json::to_string(&serde_json::json!({ "error": failure })).ok();
        let text = self.json.then(json).flatten().map(|line| line + "\n");
        complain(&text.unwrap_or_else(|| failure.text()));
    }

    /// Whether progress can be drawn: someone watches, and wants to.
    pub(crate) fn draws(self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    fn message(self, text: &str) {
        complain(&format!("isolate: {text}\n"));
    }
}

/// A value as one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| CliError::new("cannot print the result as JSON").because(&error))?;
    line.push(b'\n');
    Ok(line)
}

/// Nobody can be told that standard error is closed.
fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
