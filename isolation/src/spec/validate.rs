//! Checks of input, before any work starts.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Cause, Error, Result};
use crate::short::{short, short_path};

/// The faults of an input, which are all reported together.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Error>);

impl Faults {
    pub(crate) fn add(&mut self, checked: Result<()>) {
        self.0.extend(checked.err());
    }

    /// The single fault, or an error that lists all of them.
    pub(crate) fn into_result(mut self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            _ => Err(Cause::Faults(self.0).into()),
        }
    }
}

/// The rule of [`name`].
pub(crate) const NAME_RULE: &str =
    "use up to 64 letters, digits, '-', '_' and '.', starting with a letter or digit";

/// The rule of [`label`].
pub(crate) const LABEL_RULE: &str = "use 1 to 1024 bytes without control characters";

/// The longest label for people, in bytes.
const LONGEST_LABEL: usize = 1024;

/// A name must be valid as the name of a container, of a directory and of a label.
pub(crate) fn name(name: &str) -> Result<()> {
    let first = |c: char| c.is_ascii_alphanumeric();
    let rest = |c: char| first(c) || matches!(c, '-' | '_' | '.');
    if name.starts_with(first) && name.chars().all(rest) && name.len() <= 64 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid name {name:?}; {NAME_RULE}",
        name = short(name)
    )))
}

/// A name for people. Control characters could change the terminal on which it is printed.
pub(crate) fn label(name: &str) -> Result<()> {
    text("the name", name)?;
    if name.chars().any(char::is_control) || name.len() > LONGEST_LABEL {
        return Err(Error::invalid(format!(
            "invalid name {name:?}; {LABEL_RULE}",
            name = short(name)
        )));
    }
    Ok(())
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

/// A limit must not be 0.
pub(crate) fn positive(limit: Option<u64>) -> Result<()> {
    match limit {
        Some(0) => Err(Error::invalid(
            "a limit must be greater than 0; omit it for the default, or switch the default off in the configuration (docker.resource_limits)",
        )),
        _ => Ok(()),
    }
}

/// Environment variables. The error does not contain their values.
pub(crate) fn variables(env: &BTreeMap<String, String>, faults: &mut Faults) {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let why = format!(
                "{name:?} is not a valid name of an environment variable; use a text without '=' and NUL",
                name = short(name)
            );
            faults.add(Err(Error::invalid(why)));
        }
        faults.add(no_nul(
            &format!("the value of the environment variable {}", short(name)),
            value,
        ));
    }
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
            short_path(&path.display().to_string())
        ))),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_for_people_may_be_any_text() {
        let long = "n".repeat(300);
        for name in ["web", "größe 7", "../x", "-", long.as_str()] {
            label(name).unwrap();
        }
        for name in ["", " ", "a\nb", "a\0", "\u{7f}"] {
            label(name).unwrap_err();
        }
        label(&"n".repeat(1025)).unwrap_err();
    }
}
