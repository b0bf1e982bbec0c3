//! The file of a specification.

use std::path::Path;

use isolation::EnvironmentSpec;

use crate::error::CliError;
use crate::text_file;

/// Reads a specification from a JSON file.
pub(super) fn read(file: &Path) -> Result<EnvironmentSpec, CliError> {
    let text = text_file::read(file)
        .map_err(|error| CliError::new(format!("cannot read {}", file.display())).because(&error))?;
    EnvironmentSpec::from_json(&text)
        .map_err(|error| CliError::new(format!("cannot use {}", file.display())).because_of_faults(&error))
}
