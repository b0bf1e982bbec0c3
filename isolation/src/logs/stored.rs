//! The output of commands of kept environments, in files.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{LogEntry, LogLine, OutputStream};
use crate::error::{Error, Result};

/// The size at which a file is rotated. One older file is kept.
const MOST: u64 = 4 << 20;

/// The number of bytes at the end of a command's output that are stored.
const MOST_OF_ONE: usize = 1 << 20;

/// The stored output of the commands of one environment, and the read position.
#[derive(Debug, Clone)]
pub(crate) struct StoredOutput {
    file: PathBuf,
    /// A file that exists as long as the environment.
    entry: PathBuf,
    began: bool,
    read: u64,
}

/// A line in a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(
        default,
        with = "crate::events::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    at: Option<SystemTime>,
    stream: OutputStream,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The bytes of a line that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    complete: bool,
}

impl From<&LogLine> for Stored {
    fn from(line: &LogLine) -> Self {
        let text = std::str::from_utf8(&line.text).ok().map(str::to_owned);
        Self {
            at: line.at,
            stream: line.stream,
            base64: text.is_none().then(|| STANDARD.encode(&line.text)),
            text,
            complete: line.complete,
        }
    }
}

impl From<Stored> for LogLine {
    fn from(stored: Stored) -> Self {
        let bytes = match (stored.text, stored.base64) {
            (Some(text), _) => text.into_bytes(),
            (None, base64) => STANDARD.decode(base64.unwrap_or_default()).unwrap_or_default(),
        };
        Self {
            at: stored.at,
            stream: stored.stream,
            text: bytes.into(),
            complete: stored.complete,
            command: None,
        }
    }
}

impl StoredOutput {
    /// The output in this file and an older file next to it, while the file of the environment
    /// exists.
    pub(crate) fn at(file: PathBuf, entry: PathBuf) -> Self {
        Self {
            file,
            entry,
            began: false,
            read: 0,
        }
    }

    /// The older file.
    pub(crate) fn older(file: &Path) -> PathBuf {
        file.with_extension("older")
    }

    /// Adds the lines of a command, unless the environment was removed.
    pub(crate) fn append(&self, lines: &[LogLine]) -> Result<()> {
        if !self.entry.exists() {
            return Ok(());
        }
        let mut size = 0;
        let fits = |line: &&LogLine| {
            size += line.text.len() + 100;
            size <= MOST_OF_ONE
        };
        let kept = lines.iter().rev().take_while(fits).count();
        let mut text = Vec::new();
        for line in &lines[lines.len() - kept..] {
            serde_json::to_writer(&mut text, &Stored::from(line))
                .map_err(|error| Error::engine("log", error))?;
            text.push(b'\n');
        }
        let failed = |error| Error::io("write", &self.file, error);
        if self.file.metadata().is_ok_and(|meta| meta.len() > MOST) {
            std::fs::rename(&self.file, Self::older(&self.file)).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // A single write, because other processes append, too.
        options
            .open(&self.file)
            .and_then(|mut file| file.write_all(&text))
            .map_err(failed)
    }

    /// Reads new lines; returns whether the environment still exists.
    pub(crate) fn read(&mut self, found: &mut Vec<LogEntry>) -> Result<bool> {
        let exists = self.entry.exists();
        if !std::mem::replace(&mut self.began, true) {
            parse(&contents(&Self::older(&self.file), 0)?, found);
        }
        let size = self.file.metadata().map_or(0, |meta| meta.len());
        if size < self.read {
            // The file was rotated.
            parse(&contents(&Self::older(&self.file), self.read)?, found);
            self.read = 0;
        }
        let text = contents(&self.file, self.read)?;
        self.read += parse(&text, found) as u64;
        Ok(exists)
    }
}

/// A file from a position on; empty if it does not exist.
fn contents(file: &Path, from: u64) -> Result<Vec<u8>> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut opened = std::fs::File::open(file)?;
        opened.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        let most = MOST + MOST_OF_ONE as u64 * 2;
        std::io::Read::read_to_end(&mut std::io::Read::take(opened, most), &mut text)?;
        Ok(text)
    };
    match read() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| Error::io("read", file, error)),
    }
}

/// Adds the lines, and returns the number of complete bytes. An unreadable line is skipped: a
/// process may have been killed while it wrote.
fn parse(text: &[u8], found: &mut Vec<LogEntry>) -> usize {
    let end = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
    let lines = text[..end].split(|byte| *byte == b'\n');
    let stored = lines.filter_map(|line| serde_json::from_slice::<Stored>(line).ok());
    found.extend(stored.map(|stored| LogEntry::Line(stored.into())));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> LogLine {
        LogLine {
            at: Some(SystemTime::UNIX_EPOCH),
            stream: OutputStream::Stdout,
            text: text.to_vec().into(),
            complete: true,
            command: None,
        }
    }

    fn read(store: &mut StoredOutput) -> (Vec<LogEntry>, bool) {
        let mut found = Vec::new();
        let exists = store.read(&mut found).unwrap();
        (found, exists)
    }

    #[test]
    fn stored_lines_are_read_by_another_process() {
        let directory = tempfile::tempdir().unwrap();
        let (file, entry) = (directory.path().join("a.output"), directory.path().join("a.json"));
        let store = StoredOutput::at(file.clone(), entry.clone());
        store.append(&[line(b"too early")]).unwrap();
        assert!(!file.exists(), "no entry, no file");
        std::fs::write(&entry, "{}").unwrap();
        let mut reader = store.clone();
        assert_eq!(read(&mut reader), (Vec::new(), true));
        let lines = [line(b"text"), line(b"\xff\x00")];
        store.append(&lines).unwrap();
        let entries = lines.map(LogEntry::Line).to_vec();
        assert_eq!(read(&mut reader), (entries.clone(), true));
        // An incomplete line of a killed process is skipped.
        std::fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(b"{\"at")
            .unwrap();
        assert_eq!(read(&mut reader).0, []);
        assert_eq!(read(&mut { store }).0, entries);
        std::fs::remove_file(&entry).unwrap();
        assert!(!read(&mut reader).1);
    }

    #[test]
    fn file_that_is_full_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        let (file, entry) = (directory.path().join("a.output"), directory.path().join("a.json"));
        std::fs::write(&entry, "{}").unwrap();
        let store = StoredOutput::at(file.clone(), entry);
        let large = vec![line(&[b'x'; 1000]); 2000];
        let mut reader = store.clone();
        let mut got = 0;
        for _ in 0..12 {
            store.append(&large).unwrap();
            got += read(&mut reader).0.len();
        }
        let most = MOST + MOST_OF_ONE as u64 * 2;
        assert!(file.metadata().unwrap().len() < most);
        assert!(StoredOutput::older(&file).metadata().unwrap().len() < most);
        // The end of each command, once.
        let of_one = MOST_OF_ONE / 1100;
        assert_eq!(got, 12 * of_one);
    }
}
