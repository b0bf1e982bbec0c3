//! Files with a limit of their size.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// The maximum size of a file.
const MOST: u64 = 4 << 20;

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String> {
    let unreadable = |error| Error::io("read", path, error);
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    opened
        .take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MOST {
        let text = format!("{} is larger than 4 MiB", path.display());
        return Err(Error::invalid(text));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
