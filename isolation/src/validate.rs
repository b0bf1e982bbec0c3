//! Bad input is refused here, before anything is done.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

/// A name must be fit for a container, a directory and a label at once.
pub(crate) fn name(name: &str) -> Result<()> {
    let first = |c: char| c.is_ascii_alphanumeric();
    let rest = |c: char| first(c) || matches!(c, '-' | '_' | '.');
    if name.starts_with(first) && name.chars().all(rest) && name.len() <= 64 {
        return Ok(());
    }
    let rule = "use up to 64 letters, digits, '-', '_' and '.', a letter or digit first";
    Err(Error::invalid(format!("the name {name:?} is not usable; {rule}")))
}

/// A text that may not be blank.
pub(crate) fn text(what: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!(
            "{what} is blank; leave it out or say which"
        )));
    }
    no_nul(what, text)
}

/// A NUL byte would end the text early where the system reads it.
pub(crate) fn no_nul(what: &str, text: &str) -> Result<()> {
    match text.contains('\0') {
        true => Err(Error::invalid(format!("{what} contains a NUL byte; remove it"))),
        false => Ok(()),
    }
}

/// Environment variables: the values stay out of the error.
pub(crate) fn variables(env: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let why = format!("{name:?} cannot name a variable; use a text without '=' and NUL");
            return Err(Error::invalid(why));
        }
        no_nul(&format!("the value of the variable {name}"), value)?;
    }
    Ok(())
}

/// Something on the host that must exist.
pub(crate) fn source(what: &str, path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::invalid(format!("{what} is blank; say which path")));
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
