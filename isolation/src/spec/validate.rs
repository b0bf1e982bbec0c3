//! Checks of input, of features and of the status, before any work starts.
//!
//! [`crate::engine::capabilities`] and [`crate::environment::status`] are plain data and do not
//! import the error; their checks that return one are here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::engine::capabilities::{Capabilities, Feature};
use crate::environment::status::{Status, StatusCell};
use crate::error::{Error, Result};

/// A name must be valid as the name of a container, of a directory and of a label.
pub(crate) fn name(name: &str) -> Result<()> {
    let first = |c: char| c.is_ascii_alphanumeric();
    let rest = |c: char| first(c) || matches!(c, '-' | '_' | '.');
    if name.starts_with(first) && name.chars().all(rest) && name.len() <= 64 {
        return Ok(());
    }
    let rule = "use up to 64 letters, digits, '-', '_' and '.', starting with a letter or digit";
    Err(Error::invalid(format!("invalid name {name:?}; {rule}")))
}

/// A text that must not be blank.
pub(crate) fn text(what: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!(
            "{what} is blank; omit it or give a value"
        )));
    }
    no_nul(what, text)
}

/// The system would end the text at a NUL byte.
pub(crate) fn no_nul(what: &str, text: &str) -> Result<()> {
    match text.contains('\0') {
        true => Err(Error::invalid(format!("{what} contains a NUL byte; remove it"))),
        false => Ok(()),
    }
}

/// Environment variables; their values do not appear in the error.
pub(crate) fn variables(env: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let why = format!(
                "{name:?} is not a valid name of an environment variable; use a text without '=' and NUL"
            );
            return Err(Error::invalid(why));
        }
        no_nul(&format!("the value of the environment variable {name}"), value)?;
    }
    Ok(())
}

/// A path on the host that must exist.
pub(crate) fn source(what: &str, path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::invalid(format!("{what} is blank; give a path")));
    }
    match path.symlink_metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::not_found(format!(
            "{what} does not exist: {}",
            path.display()
        ))),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

impl Capabilities {
    /// Fails unless the engine supports all these features; the error lists every missing one.
    /// `engine` is the name of the engine that has these capabilities.
    pub fn check(&self, engine: &str, needs: &BTreeSet<Feature>) -> Result<()> {
        match self.missing(needs) {
            lacks if lacks.is_empty() => Ok(()),
            lacks => Err(Error::unsupported(engine, lacks)),
        }
    }
}

impl StatusCell {
    /// Fails unless the environment is running; the error names the call that is missing.
    pub fn require_running(&self) -> Result<()> {
        let status = self.get();
        let hint = match status {
            Status::Running => return Ok(()),
            Status::Created | Status::Stopped => "start it first",
            Status::Failed => "destroy it and create another",
            Status::Destroying | Status::Destroyed => "create another",
        };
        Err(Error::wrong_status(status, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::capabilities::IsolationLevel;

    #[test]
    fn check_lists_every_missing_feature() {
        let none = Capabilities::new(IsolationLevel::Process);
        let error = none
            .check("bare", &[Feature::Images, Feature::Stdin].into())
            .unwrap_err();
        let lacks: Vec<_> = error.missing().iter().map(|lack| lack.feature).collect();
        assert_eq!(lacks, [Feature::Images, Feature::Stdin]);
    }
}
