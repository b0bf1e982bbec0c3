//! The file of a new recording. A recording that is probably bad does not replace an existing one.

use std::path::{Path, PathBuf};

use engine_fixtures::Recording;

use crate::error::CliError;

/// Where a recording was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// To the file.
    File,
    /// To another file in the same directory; the file itself stays unchanged.
    Beside(PathBuf),
    /// Nowhere: the recording contains no exchange.
    Nowhere,
}

/// Writes the recording to `file`.
///
/// With a `doubt` (the command failed, or a signal ended it), an existing file stays, and the
/// recording is written to `NAME.rejected` in the same directory. A recording without exchanges is
/// not written.
pub(crate) fn write(file: &Path, recording: &Recording, doubt: Option<&str>) -> Result<Written, CliError> {
    if recording.exchanges.is_empty() {
        return Ok(Written::Nowhere);
    }
    let (path, written) = match doubt.is_some() && file.exists() {
        true => (rejected(file), Written::Beside(rejected(file))),
        false => (file.to_owned(), Written::File),
    };
    save(&path, recording)?;
    Ok(written)
}

/// Writes the recording to `file`, and replaces an existing file.
pub(crate) fn save(file: &Path, recording: &Recording) -> Result<(), CliError> {
    recording.save(file).map_err(|error| not_written(&error))
}

/// The error of a missing recording.
pub(crate) fn not_written(error: &dyn std::error::Error) -> CliError {
    CliError::new("no recording was written").because(error)
}

/// `ps.json.rejected` for `ps.json`: a search for recordings does not find this name.
pub(crate) fn rejected(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".rejected");
    file.with_file_name(name)
}
