//! Writes the files of a bundle.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::redact::Redactor;
use crate::error::{Error, ErrorKind, Result};

/// The maximum size of a file: all files together are smaller than 1 MB.
const MOST: usize = 128 << 10;

/// The size of the output of commands.
const MOST_OUTPUT: usize = 256 << 10;

/// The directory of a bundle.
pub(super) struct Files<'a> {
    directory: PathBuf,
    redactor: &'a Redactor,
    written: Vec<String>,
}

impl<'a> Files<'a> {
    /// Creates the directory, which must not exist or must be empty. Other users cannot read the
    /// files.
    pub(super) fn create(directory: &Path, redactor: &'a Redactor) -> Result<Self> {
        let failed = |error| Error::io("create the directory", directory, error);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(failed)?;
        check_owner(directory)?;
        if fs::read_dir(directory).map_err(failed)?.next().is_some() {
            let text = "the directory is not empty; choose another one";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        Ok(Self {
            directory: directory.to_owned(),
            redactor,
            written: Vec::new(),
        })
    }

    /// The names of the files.
    pub(super) fn written(&self) -> &[String] {
        &self.written
    }

    /// Writes a text. Only the end of a long text is written.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let text = self.redactor.text(text);
        let most = if name == "commands.txt" { MOST_OUTPUT } else { MOST };
        self.write(name, tail(&text, most))
    }

    /// Writes the last lines. No file is created for an empty list.
    pub(super) fn lines<'l>(&mut self, name: &str, lines: impl Iterator<Item = &'l str>) -> Result<()> {
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        match text.is_empty() {
            true => Ok(()),
            false => self.text(name, &text),
        }
    }

    /// Writes a document. A very large one is replaced by its size.
    pub(super) fn json(&mut self, name: &str, mut document: Value) -> Result<()> {
        self.redactor.json(&mut document);
        let mut text = format!("{document:#}\n");
        if text.len() > MOST {
            text = format!("{document}\n");
        }
        if text.len() > MOST {
            text = format!("{:#}\n", json!({ "omitted": true, "bytes": text.len() }));
        }
        self.write(name, &text)
    }

    /// Writes one document per line. If there are many, only the last ones are written.
    pub(super) fn json_lines(&mut self, name: &str, items: &[impl Serialize]) -> Result<()> {
        let mut lines = Vec::new();
        for item in items {
            let mut value = json!(item);
            self.redactor.json(&mut value);
            lines.push(value.to_string());
        }
        self.lines(name, lines.iter().map(String::as_str))
    }

    fn write(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        let mut options = fs::OpenOptions::new();
        // A link is not followed, because another user may have created it.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Error::io("write", &path, error))?;
        self.written.push(name.to_owned());
        Ok(())
    }
}

/// Rejects a link, and a directory whose owner could replace the files.
fn check_owner(directory: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(directory);
    let metadata = metadata.map_err(|error| Error::io("read the directory", directory, error))?;
    let why = match metadata.is_symlink() {
        true => Some("the directory is a symbolic link; write its target"),
        false => is_foreign(&metadata).then_some("the directory belongs to another user; choose another one"),
    };
    why.map_or(Ok(()), |why| Err(Error::new(ErrorKind::Conflict, why)))
}

#[cfg(unix)]
fn is_foreign(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(metadata) != rustix::process::geteuid().as_raw()
}

/// Windows has no owner in the standard library.
#[cfg(not(unix))]
fn is_foreign(_metadata: &fs::Metadata) -> bool {
    false
}

/// The end of a text, from the beginning of a line.
fn tail(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let begin = (text.len() - most..=text.len()).find(|at| text.is_char_boundary(*at));
    let begin = begin.unwrap_or(text.len());
    match text[begin..].find('\n') {
        Some(end) => &text[begin + end + 1..],
        None => &text[begin..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_long_text_is_written() {
        let text = format!("{}\nlast\n", "é".repeat(MOST));
        assert_eq!(tail(&text, MOST), "last\n");
        assert_eq!(tail("short", MOST), "short");
        let one_line = "é".repeat(MOST);
        assert!(tail(&one_line, 101).len() <= 101);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private_and_links_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (open, link) = (directory.path().join("open"), directory.path().join("link"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&open, &link).unwrap();
        let redactor = Redactor::default();
        let error = Files::create(&link, &redactor).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let mut files = Files::create(&open, &redactor).unwrap();
        files.text("a.txt", "a").unwrap();
        let mode = fs::metadata(open.join("a.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let outside = directory.path().join("outside");
        symlink(&outside, open.join("b.txt")).unwrap();
        assert!(files.text("b.txt", "b").is_err() && !outside.exists());
    }

    #[test]
    fn bundle_needs_an_empty_directory() {
        let directory = tempfile::tempdir().unwrap();
        let redactor = Redactor::default();
        let target = directory.path().join("new/bundle");
        let mut files = Files::create(&target, &redactor).unwrap();
        files.json("large.json", json!("x".repeat(MOST))).unwrap();
        let large = fs::read_to_string(target.join("large.json")).unwrap();
        assert!(large.contains("\"omitted\": true"), "{large}");
        files.json_lines("none.jsonl", &[0; 0]).unwrap();
        assert_eq!(files.written(), ["large.json"]);
        let error = Files::create(&target, &redactor).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}
