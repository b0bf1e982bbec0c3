//! The file `pyvenv.cfg` of a virtual environment, as venv, virtualenv and uv write it.

use std::path::{Path, PathBuf};

use super::interpreter::Version;
use crate::error::{Error, ErrorKind, Result};

/// How much of a file is read.
const LIMIT: u64 = 64 << 10;

/// The lines of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PyvenvCfg {
    lines: Vec<String>,
}

impl PyvenvCfg {
    /// Reads the file of the environment in this directory.
    pub(super) fn read(environment: &Path) -> Result<Self> {
        let path = environment.join("pyvenv.cfg");
        let size = path.metadata().map_err(|e| Error::io("read", &path, e))?.len();
        if size > LIMIT {
            let why = format!("{} has {size} bytes, which no tool writes", path.display());
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        Self { lines }
    }

    /// The value of a key, in any case, with or without blanks around the equals sign.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then_some(value.trim())
        })
    }

    /// The directory of the interpreter from which it was created.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.get("home").map(PathBuf::from)
    }

    /// The version of that interpreter.
    pub(super) fn version(&self) -> Option<Version> {
        self.versions().find_map(|text| text.parse().ok())
    }

    /// Whether the version has a patch number: uv may leave it out.
    pub(super) fn has_patch_version(&self) -> bool {
        let mut texts = self.versions().filter(|text| text.parse::<Version>().is_ok());
        texts.next().is_some_and(|text| text.matches('.').count() >= 2)
    }

    fn versions(&self) -> impl Iterator<Item = &str> {
        let keys = ["version", "version_info", "python-version"];
        keys.into_iter().filter_map(|key| self.get(key))
    }

    /// Sets a key; the other lines stay as they are.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        let line = format!("{key} = {value}");
        let is_it = |old: &&mut String| {
            let name = old.split_once('=').map(|(name, _)| name.trim());
            name.is_some_and(|name| name.eq_ignore_ascii_case(key))
        };
        match self.lines.iter_mut().find(is_it) {
            Some(old) => *old = line,
            None => self.lines.push(line),
        }
    }

    /// Writes the file.
    pub(super) fn write(&self, environment: &Path) -> Result<()> {
        let path = environment.join("pyvenv.cfg");
        let text = self.lines.join("\n") + "\n";
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_every_tool_is_read() {
        for (text, version) in [
            (
                "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n",
                "3.11.7",
            ),
            (
                "home = /usr/bin\nimplementation = CPython\nuv = 0.13.9\nversion_info = 3.12.1\n",
                "3.12.1",
            ),
            (
                "Home=/usr/bin\nversion_info = 3.14.0.candidate.1\nvirtualenv = 21.5\n",
                "3.14.0rc1",
            ),
            ("HOME   =  /usr/bin  \nversion_info = 3.12\n", "3.12.0"),
        ] {
            let read = PyvenvCfg::parse(text);
            assert_eq!(read.home(), Some("/usr/bin".into()), "{text}");
            assert_eq!(read.version().unwrap().to_string(), version, "{text}");
            assert_eq!(read.has_patch_version(), version != "3.12.0", "{text}");
        }
        assert_eq!(PyvenvCfg::parse("version = x\n").version(), None);
    }

    #[test]
    fn key_is_set_and_other_lines_stay() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = PyvenvCfg::parse("# mine\nInclude-System-Site-Packages=false\nodd line\n");
        file.set("include-system-site-packages", "true");
        file.set("prompt", "x");
        file.write(directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join("pyvenv.cfg")).unwrap();
        assert_eq!(
            text,
            "# mine\ninclude-system-site-packages = true\nodd line\nprompt = x\n"
        );
        assert_eq!(PyvenvCfg::read(directory.path()).unwrap(), file);
    }

    #[test]
    fn huge_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(directory.path().join("pyvenv.cfg")).unwrap();
        file.set_len(LIMIT + 1).unwrap();
        let error = PyvenvCfg::read(directory.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
