//! The file of a new recording. A recording that is probably bad does not replace an existing one.

use std::path::{Path, PathBuf};

use engine_fixtures::Recording;

use crate::error::CliError;

/// Where a recording was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// To the file.
    File,
    /// Beside the file, which stays unchanged.
    Beside(PathBuf),
    /// Nowhere: it holds no exchange.
    Nowhere,
}

/// Writes the recording to `file`.
///
/// If it is in `doubt` (the command failed, or a signal ended it) and the file exists, it is
/// written to `NAME.rejected` beside it. A recording without exchanges is not written.
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

/// Writes the recording to `file`, whatever is there.
pub(crate) fn save(file: &Path, recording: &Recording) -> Result<(), CliError> {
    recording.save(file).map_err(|error| not_written(&error))
}

/// The error of a missing recording.
pub(crate) fn not_written(error: &dyn std::error::Error) -> CliError {
    CliError::new("no recording was written").because(error)
}

/// `ps.json.rejected` beside `ps.json`: a name that no search for recordings finds.
pub(crate) fn rejected(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".rejected");
    file.with_file_name(name)
}
