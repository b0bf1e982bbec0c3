//! Assembles the lines of a log from the pieces that a daemon stores.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::{LogLine, OutputStream};

/// A longer line is cut, so that the memory is bounded.
const LONGEST: usize = 1 << 20;

/// The lines of one stream, from pieces that begin with a time and a blank. A daemon cuts a long
/// line into several pieces, and only the last one ends with a newline.
#[derive(Debug)]
pub(crate) struct Lines {
    stream: OutputStream,
    /// Reads the time at the beginning of a piece.
    time: fn(&str) -> Option<SystemTime>,
    at: Option<SystemTime>,
    piece_at: Option<SystemTime>,
    open: BytesMut,
    has_open: bool,
}

impl Lines {
    pub(crate) fn new(stream: OutputStream, time: fn(&str) -> Option<SystemTime>) -> Self {
        Self {
            stream,
            time,
            at: None,
            piece_at: None,
            open: BytesMut::new(),
            has_open: false,
        }
    }

    /// Adds one piece; calls `line` for each line that is complete.
    pub(crate) fn add(&mut self, mut piece: Bytes, mut line: impl FnMut(LogLine)) {
        while !piece.is_empty() {
            let (length, complete) = match memchr(b'\n', &piece) {
                Some(at) => (at, true),
                None => (piece.len(), false),
            };
            let text = self.without_time(piece.split_to(length));
            if complete {
                let _newline = piece.split_to(1);
            }
            if complete && !self.has_open {
                // The usual line: not copied.
                line(self.line(text, true));
                continue;
            }
            self.open.extend_from_slice(&text);
            self.has_open = true;
            while self.open.len() > LONGEST {
                let text = self.open.split_to(LONGEST).freeze();
                line(self.line(text, false));
            }
            if complete {
                let text = self.open.split().freeze();
                self.has_open = false;
                line(self.line(text, true));
                self.at = self.piece_at.or(self.at);
            }
        }
    }

    /// Whether a line has begun and is not complete.
    pub(crate) fn has_open(&self) -> bool {
        self.has_open
    }

    /// The line that was not complete at the end of the log.
    pub(crate) fn end(&mut self) -> Option<LogLine> {
        let text = self.open.split().freeze();
        std::mem::take(&mut self.has_open).then(|| self.line(text, false))
    }

    fn line(&self, text: Bytes, complete: bool) -> LogLine {
        LogLine {
            at: self.at,
            stream: self.stream,
            text,
            complete,
            command: None,
        }
    }

    /// Sets the time of a piece without a time. A line that begins with this piece gets it.
    pub(crate) fn begin_piece(&mut self, at: SystemTime) {
        self.piece_at = Some(at);
        if !self.has_open {
            self.at = Some(at);
        }
    }

    /// Removes the time from a piece. The time of a line is that of its first piece.
    fn without_time(&mut self, mut piece: Bytes) -> Bytes {
        let Some(blank) = memchr(b' ', &piece[..piece.len().min(40)]) else {
            return piece;
        };
        let time = std::str::from_utf8(&piece[..blank]).ok().and_then(self.time);
        if let Some(at) = time {
            if !self.has_open {
                self.at = Some(at);
            }
            let _time = piece.split_to(blank + 1);
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn time(text: &str) -> Option<SystemTime> {
        let seconds = text.strip_prefix('@')?.parse().ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn lines(pieces: &[&'static str]) -> Vec<(u64, String, bool)> {
        let mut lines = Lines::new(OutputStream::Stdout, time);
        let mut found = Vec::new();
        for piece in pieces {
            lines.add(Bytes::from_static(piece.as_bytes()), |line| found.push(line));
        }
        found.extend(lines.end());
        let seconds = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let plain = |line: LogLine| {
            let text = line.text_lossy().into_owned();
            (line.at.map_or(0, seconds), text, line.complete)
        };
        found.into_iter().map(plain).collect()
    }

    fn is(at: u64, text: &str, complete: bool) -> (u64, String, bool) {
        (at, text.to_owned(), complete)
    }

    #[test]
    fn pieces_of_a_long_line_are_joined() {
        let found = lines(&["@1 aaa", "@2 bbb", "@3 c\n", "@4 next\n"]);
        assert_eq!(found, [is(1, "aaabbbc", true), is(4, "next", true)]);
    }

    #[test]
    fn line_without_newline_is_the_last() {
        assert_eq!(
            lines(&["@1 a\n@2 b\n@3 c"]),
            [is(1, "a", true), is(2, "b", true), is(3, "c", false)]
        );
        assert_eq!(lines(&["@1 \n", "@2 "]), [is(1, "", true), is(2, "", false)]);
        assert_eq!(lines(&[]), []);
    }

    #[test]
    fn text_like_a_time_stays_in_a_line() {
        assert_eq!(lines(&["@1 @2 text\n"]), [is(1, "@2 text", true)]);
        assert_eq!(lines(&["no time\n"]), [is(0, "no time", true)]);
    }

    #[test]
    fn endless_line_is_cut() {
        let piece = Bytes::from(vec![b'x'; LONGEST]);
        let mut lines = Lines::new(OutputStream::Stderr, time);
        let mut found = Vec::new();
        for _ in 0..3 {
            lines.add(piece.clone(), |line| found.push(line.text.len()));
        }
        assert_eq!(found, [LONGEST, LONGEST]);
        assert_eq!(lines.end().unwrap().text.len(), LONGEST);
    }
}
