//! The installed packages as a lock file that other tools read, too.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::install::check_word;
use super::{LIST_TIMEOUT, Packages, pip};
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;

/// Prints the lock file, see the file.
const EXPORT: &str = include_str!("export.py");

/// The format of a lock file of Python packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LockFormat {
    /// `pylock.toml`, as the specification of packaging.python.org describes it.
    Pylock,
    /// A requirement file with a version and digests for each package.
    Requirements,
}

impl LockFormat {
    fn word(self) -> &'static str {
        match self {
            Self::Pylock => "pylock",
            Self::Requirements => "requirements",
        }
    }
}

impl FromStr for LockFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = [Self::Pylock, Self::Requirements]
            .into_iter()
            .find(|one| one.word() == text);
        found.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not a format of a lock file; write pylock or requirements",
                text = short(text)
            ))
        })
    }
}

impl Packages<'_> {
    /// Returns a lock file of the installed Python packages, without pip and other installers. A
    /// directory in the environment has the archives from which they were installed, or equal ones:
    /// their digests are in the lock file, and in a `pylock.toml` their paths.
    ///
    /// [`InstallPackages::requirements`](super::InstallPackages::requirements) takes a file of
    /// either format, whose name is then `pylock.toml` or `pylock.NAME.toml`, or another one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if a package has no archive in the directory; the error names
    /// it. [`ErrorKind::Unsupported`] for the package managers of other packages.
    pub async fn export(&self, format: LockFormat, archives: &str) -> Result<String> {
        self.named(self.do_export(format, archives).await, "export the packages of")
    }

    async fn do_export(&self, format: LockFormat, archives: &str) -> Result<String> {
        check_word(archives)?;
        if !self.manager.is_of_python() {
            let why = format!(
                "{} has no lock file with digests; only pip and uv have one",
                self.manager.name()
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let arguments = ["-I", "-c", EXPORT, format.word(), archives].map(str::to_owned);
        let output = self.run(pip::python(arguments.into_iter()), LIST_TIMEOUT).await?;
        Ok(output.stdout_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_read_by_its_name() {
        for format in [LockFormat::Pylock, LockFormat::Requirements] {
            assert_eq!(format.word().parse::<LockFormat>().unwrap(), format);
        }
        let error = "toml".parse::<LockFormat>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("pylock or requirements"), "{error}");
    }
}
