//! The files of a configuration: their paths, and how to read them.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Config;
use crate::error::{Error, Result};

/// Looks up an environment variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The name of the file in a project's directory.
const FILE: &str = "isolate.json";

/// The maximum size of a file.
const MAX_FILE: u64 = 1 << 20;

/// The user's file, if this system has a directory for configurations.
pub(super) fn of_user(set: Lookup<'_>) -> Option<PathBuf> {
    let directory = match cfg!(windows) {
        true => set("APPDATA").map(PathBuf::from),
        false => {
            let home = || set("HOME").map(|home| Path::new(&home).join(".config"));
            set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)
        }
    };
    // The XDG specification excludes relative directories.
    let directory = directory.filter(|directory| directory.is_absolute())?;
    Some(directory.join("isolate/config.json"))
}

/// The file in the directory, or in the nearest parent directory with such a file.
pub(super) fn of_project(here: &Path) -> Option<PathBuf> {
    let files = here.ancestors().map(|directory| directory.join(FILE));
    files.into_iter().find(|file| file.symlink_metadata().is_ok())
}

pub(super) fn missing(file: &Path) -> Error {
    Error::not_found("the file does not exist").during("use the configuration", &file.display().to_string())
}

/// Reads a file, and the version of its format; `None` if it does not exist.
pub(super) fn read(file: &Path) -> Result<Option<(Config, u32)>> {
    let unreadable = |error| Error::io("read", file, error);
    let mut text = String::new();
    match std::fs::File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => {
            let mut limited = opened.map_err(unreadable)?.take(MAX_FILE + 1);
            limited.read_to_string(&mut text).map_err(unreadable)?;
        }
    }
    let config = match text.len() as u64 > MAX_FILE {
        true => Err(Error::invalid("it is larger than 1 MiB; is it a configuration?")),
        false => Config::with_version(text.strip_prefix('\u{feff}').unwrap_or(&text)),
    };
    let config = config.map_err(|error| error.during("use the configuration", &file.display().to_string()));
    config.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_too_large_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_FILE + 1).unwrap();
        let error = read(file.path()).unwrap_err();
        assert!(error.to_string().contains("1 MiB"), "{error}");
    }

    #[test]
    fn relative_directory_of_the_user_is_ignored() {
        let of = |value: &'static str| of_user(&move |_| Some(value.to_owned()));
        assert_eq!(of("relative"), None);
        let absolute = if cfg!(windows) { "C:\\home" } else { "/home" };
        assert!(of(absolute).unwrap().ends_with("isolate/config.json"));
    }
}
