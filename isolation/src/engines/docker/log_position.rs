//! The position in a log: which lines a daemon repeats, and where some are missing.

use std::collections::VecDeque;
use std::time::SystemTime;

/// The last line of a stream: its time, and the number of lines with this time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) at: SystemTime,
    times: u32,
}

/// How many lines are recognised if the daemon repeats them within a connection.
const KNOWN: usize = 1 << 16;

/// The position in one stream.
#[derive(Debug, Default)]
pub(super) struct Position {
    pub(super) last: Option<Last>,
    /// The times of the last lines. They do not decrease.
    known: VecDeque<SystemTime>,
    /// The lines that a new connection repeats, and whether one of them was seen again.
    repeated: Option<(Last, bool)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Repeated,
    New,
    /// Lines before it are missing.
    NewAfterGap,
}

impl Position {
    /// From now on, lines come from another connection.
    pub(super) fn reconnect(&mut self) {
        self.repeated = self.last.map(|last| (last, false));
    }

    pub(super) fn arrives(&mut self, at: Option<SystemTime>) -> Arrival {
        let mut arrival = Arrival::New;
        if let (None, Some(last), Some(at)) = (&self.repeated, self.last, at) {
            if at < last.at {
                // Docker 20.10 reads a file again after it was rotated. Otherwise the clock of the
                // daemon was set back.
                if self.known.binary_search(&at).is_err() {
                    return Arrival::New;
                }
                self.repeated = Some((last, true));
            }
        }
        match (&mut self.repeated, at) {
            (Some((last, _)), Some(at)) if at < last.at => return Arrival::Repeated,
            (Some((last, seen)), Some(at)) if at == last.at && last.times > 0 => {
                (last.times, *seen) = (last.times - 1, true);
                return Arrival::Repeated;
            }
            (Some((_, false)), _) => arrival = Arrival::NewAfterGap,
            _ => {}
        }
        self.repeated = None;
        if let Some(at) = at {
            if self.known.len() == KNOWN {
                self.known.pop_front();
            }
            self.known.push_back(at);
        }
        match (&mut self.last, at) {
            (Some(last), Some(at)) if last.at == at => last.times += 1,
            (_, Some(at)) => self.last = Some(Last { at, times: 1 }),
            (_, None) => {}
        }
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn repeated_lines_are_skipped_and_gaps_noticed() {
        use Arrival::{New, NewAfterGap, Repeated};
        let mut position = Position::default();
        for (seconds, expected) in [(1, New), (2, New), (2, New)] {
            assert_eq!(position.arrives(at(seconds)), expected);
        }
        position.reconnect();
        // A third line with the same time is new. Some daemons repeat whole seconds.
        for (seconds, expected) in [(1, Repeated), (2, Repeated), (2, Repeated), (2, New), (3, New)] {
            assert_eq!(position.arrives(at(seconds)), expected, "{seconds}");
        }
        position.reconnect();
        for (seconds, expected) in [(5, NewAfterGap), (6, New)] {
            assert_eq!(position.arrives(at(seconds)), expected, "{seconds}");
        }
        // The connection is lost again before anything has come.
        position.reconnect();
        position.reconnect();
        assert_eq!(position.arrives(at(6)), Repeated);
        assert_eq!(position.arrives(at(7)), New);
    }

    #[test]
    fn lines_that_a_connection_repeats_are_skipped() {
        use Arrival::{New, Repeated};
        let mut position = Position::default();
        for (seconds, expected) in [
            (1, New),
            (2, New),
            (3, New),
            (3, New),
            (2, Repeated),
            (3, Repeated),
            (3, Repeated),
            (3, New),
            (4, New),
            (3, Repeated),
            (4, Repeated),
            (5, New),
        ] {
            assert_eq!(position.arrives(at(seconds)), expected, "{seconds}");
        }
        // The clock was set back: these are other lines.
        let odd = at(2).map(|at| at + Duration::from_millis(500));
        assert_eq!(position.arrives(odd), New);
        assert_eq!(position.arrives(at(6)), New);
    }

    #[test]
    fn stream_without_lines_has_no_gap() {
        let mut position = Position::default();
        position.reconnect();
        assert_eq!(position.arrives(at(1)), Arrival::New);
        assert_eq!(position.arrives(None), Arrival::New);
    }

    #[test]
    fn time_of_an_old_line_is_forgotten() {
        let mut position = Position::default();
        for seconds in 0..=KNOWN as u64 {
            assert_eq!(position.arrives(at(seconds)), Arrival::New);
        }
        // Only the first one is unknown: the others are repeated.
        assert_eq!(position.arrives(at(0)), Arrival::New);
        assert_eq!(position.known.len(), KNOWN);
    }
}
