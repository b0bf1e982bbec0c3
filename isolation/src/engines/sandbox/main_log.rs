//! The log of the main process: two files, one for each output.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::first_process::Process;
use super::instance::SandboxInstance;
use super::layout::Layout;
use super::main_state::{self, Seen};
use crate::BoxFuture;
use crate::engine::instance::Logs;
use crate::error::{Error, ErrorKind, Result};
use crate::logs::assemble::Lines;
use crate::logs::{LogEntry, LogLine, LogOptions, LogSource, LogStream, OutputStream};

/// How often a followed log is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// How many times after the end of the main process, whose environment ends with it.
const LOOKS_AFTER_END: u32 = 20;

/// The size of one read.
const PIECE: u64 = 64 << 10;

/// One of the two files.
pub(super) struct Part {
    path: PathBuf,
    at: u64,
    lines: Lines,
}

impl Part {
    pub(super) fn new(layout: &Layout, stream: OutputStream, tail: Option<u64>) -> io::Result<Self> {
        let name = match stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        let path = layout.main(name);
        let at = match (tail, File::open(&path)) {
            (None, _) => 0,
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => 0,
            (Some(tail), file) => start_of_tail(&mut file?, tail)?,
        };
        Ok(Self {
            path,
            at,
            lines: Lines::new(stream, |_| None),
        })
    }

    /// Reads a piece; returns whether there was one.
    pub(super) fn read(&mut self, line: impl FnMut(LogLine)) -> io::Result<bool> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        // The program itself can cut the file.
        self.at = self.at.min(file.metadata()?.len());
        file.seek(SeekFrom::Start(self.at))?;
        let mut piece = Vec::new();
        file.take(PIECE).read_to_end(&mut piece)?;
        self.at += piece.len() as u64;
        let has_read = !piece.is_empty();
        self.lines.add(Bytes::from(piece), line);
        Ok(has_read)
    }
}

/// The position of the last lines of a file.
fn start_of_tail(file: &mut File, tail: u64) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let (mut end, mut lines) = (size, 0);
    while end > 0 && tail > 0 {
        let begin = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(begin))?;
        let mut piece = Vec::new();
        file.take(end - begin).read_to_end(&mut piece)?;
        for at in memchr::memrchr_iter(b'\n', &piece) {
            let next = begin + at as u64 + 1;
            // The end of the last line begins no line.
            if next < size {
                lines += 1;
                if lines == tail {
                    return Ok(next);
                }
            }
        }
        end = begin;
    }
    Ok(if tail == 0 { size } else { 0 })
}

/// The log, read from its files.
struct MainLog {
    layout: Layout,
    parts: Vec<Part>,
    follow: bool,
    looks_after_end: u32,
    waiting: VecDeque<LogEntry>,
    has_ended: bool,
}

impl MainLog {
    /// Whether more output may come.
    fn continues(&mut self) -> Result<bool> {
        if !self.follow {
            return Ok(false);
        }
        Ok(match main_state::seen(&self.layout)? {
            Seen::Runs { .. } => true,
            Seen::NotStarted => false,
            // Other processes of the environment may still write.
            Seen::Ended(_) => {
                self.looks_after_end += 1;
                Process::of(&self.layout).is_some() && self.looks_after_end < LOOKS_AFTER_END
            }
        })
    }

    async fn next_entry(&mut self) -> Result<Option<LogEntry>> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                return Ok(Some(entry));
            }
            if self.has_ended {
                return Ok(None);
            }
            // Asked before the files are read, which are then complete.
            let continues = self.continues()?;
            let mut has_read = false;
            for part in &mut self.parts {
                let waiting = &mut self.waiting;
                let read = part.read(|line| waiting.push_back(LogEntry::Line(line)));
                has_read |= read.map_err(|e| Error::io("read", &part.path, e))?;
            }
            if has_read {
                continue;
            }
            if continues {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            self.has_ended = true;
            let open = self.parts.iter_mut().filter_map(|part| part.lines.end());
            self.waiting.extend(open.map(LogEntry::Line));
        }
    }
}

impl LogSource for MainLog {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>> {
        Box::pin(self.next_entry())
    }
}

impl SandboxInstance {
    fn log(&self, options: &LogOptions) -> Result<LogStream> {
        self.check_exists()?;
        if options.since.is_some() || options.until.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the engine sandbox does not record the times of lines; read the last lines with a number",
            ));
        }
        let layout = self.sandbox.layout.clone();
        let streams = [OutputStream::Stdout, OutputStream::Stderr].into_iter();
        let parts = streams
            .filter(|stream| options.stream.is_none_or(|one| one == *stream))
            .map(|stream| Part::new(&layout, stream, options.tail))
            .collect::<io::Result<_>>()
            .map_err(|e| Error::io("read the log in", &layout.main(""), e))?;
        Ok(LogStream::new(MainLog {
            layout,
            parts,
            follow: options.follow,
            looks_after_end: 0,
            waiting: VecDeque::new(),
            has_ended: false,
        }))
    }
}

impl Logs for SandboxInstance {
    fn read<'a>(&'a self, options: &'a LogOptions) -> BoxFuture<'a, Result<LogStream>> {
        let log = self.log(options);
        Box::pin(std::future::ready(log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn tail_of_a_file_begins_with_a_line() {
        let mut file = tempfile::tempfile().unwrap();
        let text = format!("{}\nb\nc", "a".repeat(200_000));
        file.write_all(text.as_bytes()).unwrap();
        let mut rest = |tail| {
            let at = start_of_tail(&mut file, tail).unwrap();
            text[usize::try_from(at).unwrap()..].to_owned()
        };
        assert_eq!(rest(0), "");
        assert_eq!(rest(1), "c");
        assert_eq!(rest(2), "b\nc");
        assert_eq!(rest(3).len(), text.len());
        assert_eq!(rest(9).len(), text.len());
    }
}
