//! The log of commands, from the memory of this process or from its store.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::assemble::Lines;
use super::stored::StoredOutput;
use super::{LogEntry, LogLine, LogOptions, LogSource, OutputStream};
use crate::BoxFuture;
use crate::error::Result;
use crate::history::{History, Piece};

/// The interval in which a followed store is read: other processes add to it.
const PAUSE: Duration = Duration::from_millis(250);

/// The log of commands.
pub(crate) struct CommandLog {
    source: Source,
    options: LogOptions,
    waiting: VecDeque<LogEntry>,
}

enum Source {
    Memory(Memory),
    Store(StoredOutput),
}

/// The position in the log that this process keeps in memory.
struct Memory {
    history: History,
    grown: watch::Receiver<u64>,
    /// The number of the next piece, and the number of lines that ended in earlier pieces.
    next: u64,
    lines: u64,
    open: BTreeMap<(u64, bool), Lines>,
}

impl CommandLog {
    /// The log in the memory of this process.
    pub(crate) fn in_memory(history: &History, options: &LogOptions) -> Self {
        Self::new(
            Source::Memory(Memory {
                grown: history.grown(),
                history: history.clone(),
                next: 0,
                lines: 0,
                open: BTreeMap::new(),
            }),
            options,
        )
    }

    /// The log in a store.
    pub(crate) fn stored(store: StoredOutput, options: &LogOptions) -> Self {
        Self::new(Source::Store(store), options)
    }

    fn new(source: Source, options: &LogOptions) -> Self {
        Self {
            source,
            options: options.clone(),
            waiting: VecDeque::new(),
        }
    }

    /// The first entries, or only the last lines if the options request that.
    pub(crate) fn begin(mut self) -> Result<Self> {
        self.read()?;
        if let Some(tail) = self.options.tail {
            let is_line = |entry: &LogEntry| matches!(entry, LogEntry::Line(_));
            let lines = self.waiting.iter().filter(|entry| is_line(entry)).count();
            let mut excess = lines.saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
            self.waiting.retain(|entry| match is_line(entry) {
                true if excess == 0 => true,
                line => {
                    excess -= usize::from(line);
                    false
                }
            });
        }
        Ok(self)
    }

    /// Reads new entries; returns whether more may follow.
    fn read(&mut self) -> Result<bool> {
        let mut found = Vec::new();
        let more = match &mut self.source {
            Source::Memory(memory) => memory.read(self.options.follow, &mut found),
            Source::Store(store) => store.read(&mut found)?,
        };
        let options = &self.options;
        let is_wanted = |entry: &LogEntry| match entry {
            LogEntry::Line(line) => {
                options.stream.is_none_or(|stream| stream == line.stream)
                    && options.since.is_none_or(|since| line.at >= Some(since))
                    && options.until.is_none_or(|until| line.at <= Some(until))
            }
            LogEntry::Gap { .. } => true,
        };
        self.waiting.extend(found.into_iter().filter(is_wanted));
        Ok(more)
    }
}

impl LogSource for CommandLog {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>> {
        Box::pin(async move {
            loop {
                if let Some(entry) = self.waiting.pop_front() {
                    return Ok(Some(entry));
                }
                if !self.options.follow || (!self.read()? && self.waiting.is_empty()) {
                    return Ok(None);
                }
                if self.waiting.is_empty() {
                    match &mut self.source {
                        // An error means that the environment was dropped; then the next read is
                        // the last.
                        Source::Memory(memory) => drop(memory.grown.changed().await),
                        Source::Store(_) => sleep(PAUSE).await,
                    }
                }
            }
        })
    }
}

impl Memory {
    fn read(&mut self, follow: bool, found: &mut Vec<LogEntry>) -> bool {
        // This is read before the pieces: a command that exits in between is handled the next time.
        let ended: Vec<u64> = match follow {
            true => self.history.ended_commands(),
            false => Vec::new(),
        };
        let over = self.history.has_ended();
        self.grown.mark_unchanged();
        for piece in self.history.output(self.next) {
            self.add(piece, found);
        }
        let is_over = |command: u64| over || !follow || ended.contains(&command);
        self.open.retain(|(command, _), lines| {
            if is_over(*command) {
                found.extend(lines.end().map(|line| entry(line, *command)));
                return false;
            }
            true
        });
        !over
    }

    fn add(&mut self, piece: Piece, found: &mut Vec<LogEntry>) {
        if piece.number > self.next && piece.lines_before > self.lines {
            let lines = piece.lines_before - self.lines;
            found.push(LogEntry::Gap { lines });
        }
        (self.next, self.lines) = (piece.number + 1, piece.lines_before);
        let key = (piece.command, piece.stream == OutputStream::Stderr);
        let open = self.open.entry(key);
        let lines = open.or_insert_with(|| Lines::new(piece.stream, |_| None));
        lines.begin_piece(piece.at);
        let before = found.len();
        lines.add(piece.bytes, |line| found.push(entry(line, piece.command)));
        let complete = found[before..].iter();
        let complete = complete.filter(|entry| matches!(entry, LogEntry::Line(line) if line.complete));
        self.lines += complete.count() as u64;
    }
}

fn entry(line: LogLine, command: u64) -> LogEntry {
    LogEntry::Line(LogLine {
        command: Some(command),
        ..line
    })
}

/// The lines of one command, from its pieces.
pub(crate) fn lines_of(command: u64, pieces: Vec<Piece>) -> Vec<LogLine> {
    let mut found = Vec::new();
    let new = |stream| Lines::new(stream, |_| None);
    let (mut stdout, mut stderr) = (new(OutputStream::Stdout), new(OutputStream::Stderr));
    for piece in pieces.into_iter().filter(|piece| piece.command == command) {
        let lines = match piece.stream {
            OutputStream::Stdout => &mut stdout,
            OutputStream::Stderr => &mut stderr,
        };
        lines.begin_piece(piece.at);
        lines.add(piece.bytes, |line| found.push(line));
    }
    found.extend(stdout.end());
    found.extend(stderr.end());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::execution::Chunk;
    use bytes::Bytes;

    fn out(text: impl Into<Bytes>) -> Chunk {
        Chunk::Stdout(text.into())
    }

    async fn all(log: CommandLog) -> Vec<String> {
        let mut log = log.begin().unwrap();
        let mut found = Vec::new();
        while let Some(entry) = log.next().await.unwrap() {
            found.push(text(&entry));
        }
        found
    }

    fn text(entry: &LogEntry) -> String {
        match entry {
            LogEntry::Line(line) => {
                let end = if line.complete { "" } else { "…" };
                format!("{} {}{end}", line.command.unwrap_or(0), line.text_lossy())
            }
            LogEntry::Gap { lines } => format!("gap {lines}"),
        }
    }

    #[tokio::test]
    async fn lines_of_commands_at_the_same_time_are_apart() {
        let history = History::default();
        let (one, two) = (history.command_began(&[]), history.command_began(&[]));
        history.wrote(one, &out("a"));
        history.wrote(two, &out("x\ny"));
        history.wrote(one, &Chunk::Stderr("err\n".into()));
        history.wrote(one, &out("b\nc"));
        let log = |options: LogOptions| all(CommandLog::in_memory(&history, &options));
        assert_eq!(
            log(LogOptions::default()).await,
            ["2 x", "1 err", "1 ab", "1 c…", "2 y…"]
        );
        let last = LogOptions {
            tail: Some(2),
            ..LogOptions::default()
        };
        assert_eq!(log(last).await, ["1 c…", "2 y…"]);
        let stderr = LogOptions {
            stream: Some(OutputStream::Stderr),
            ..LogOptions::default()
        };
        assert_eq!(log(stderr).await, ["1 err"]);
        let later = std::time::SystemTime::now() + Duration::from_secs(1);
        let since = LogOptions {
            since: Some(later),
            ..LogOptions::default()
        };
        assert_eq!(log(since).await, [""; 0]);
    }

    #[tokio::test]
    async fn follower_gets_lines_until_the_environment_is_gone() {
        let history = History::default();
        let command = history.command_began(&[]);
        history.wrote(command, &out("a\nb"));
        let options = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut log = CommandLog::in_memory(&history, &options).begin().unwrap();
        assert_eq!(text(&log.next().await.unwrap().unwrap()), "1 a");
        let writer = tokio::spawn({
            let history = history.clone();
            async move {
                history.wrote(command, &out("c\nd"));
                history.command_ended(command, None);
                tokio::task::yield_now().await;
                history.end();
            }
        });
        let mut rest = Vec::new();
        while let Some(entry) = log.next().await.unwrap() {
            rest.push(text(&entry));
        }
        writer.await.unwrap();
        assert_eq!(rest, ["1 bc", "1 d…"]);
    }

    #[tokio::test]
    async fn forgotten_output_is_a_gap() {
        let history = History::default();
        let command = history.command_began(&[]);
        let options = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut log = CommandLog::in_memory(&history, &options).begin().unwrap();
        history.wrote(command, &out("first\n"));
        assert_eq!(text(&log.next().await.unwrap().unwrap()), "1 first");
        let line = [vec![b'x'; 9999], vec![b'\n']].concat();
        for _ in 0..1000 {
            history.wrote(command, &out(line.clone()));
        }
        history.end();
        let (mut lost, mut got) = (0, 0);
        while let Some(entry) = log.next().await.unwrap() {
            match entry {
                LogEntry::Gap { lines } => lost += lines,
                LogEntry::Line(_) => got += 1,
            }
        }
        assert!(lost > 500 && got > 300, "{lost} {got}");
        assert_eq!(lost + got, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn follower_of_a_store_gets_lines_until_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (file, entry) = (directory.path().join("a.output"), directory.path().join("a.json"));
        std::fs::write(&entry, "{}").unwrap();
        let store = StoredOutput::at(file, entry.clone());
        let line = |text: &'static str| LogLine::new(OutputStream::Stdout, text);
        store.append(&[line("a"), line("b")]).unwrap();
        let options = LogOptions {
            follow: true,
            tail: Some(1),
            ..LogOptions::default()
        };
        let mut log = CommandLog::stored(store.clone(), &options).begin().unwrap();
        assert_eq!(text(&log.next().await.unwrap().unwrap()), "0 b");
        let writer = tokio::spawn(async move {
            sleep(PAUSE * 3).await;
            store.append(&[line("c")]).unwrap();
            sleep(PAUSE * 3).await;
            std::fs::remove_file(entry).unwrap();
        });
        assert_eq!(text(&log.next().await.unwrap().unwrap()), "0 c");
        assert!(log.next().await.unwrap().is_none());
        writer.await.unwrap();
    }
}
