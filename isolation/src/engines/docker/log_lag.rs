//! How far a followed log is behind its program.
//!
//! A daemon rotates the files of a log. A follower that is behind by more than one file continues
//! with the newest one: the daemon skips all lines between them, and does not report it. The time
//! between the two lines is then about as long as the follower was behind, because the program was
//! writing meanwhile. A program that only pauses is different: its last line before the pause
//! arrives at once.
//!
//! Docker 20.10 can skip more than that. If it rotates a file while it opens the log, it waits at
//! the end of the old file until the next rotation, so a whole file is skipped after a line that
//! was only a little late.

use std::time::{Duration, SystemTime};

/// The shortest time between two lines that is examined: no program writes a whole file faster.
const SHORTEST: Duration = Duration::from_millis(20);

/// A line must have been late by this part of the time to the next line.
const PART: u32 = 2;

/// The same, if the time is [`LONG`] and [`SOME_BYTES`] have come since the last examination.
const SMALL_PART: u32 = 16;

/// The next examination follows after so many bytes, so that an old log is not read many times.
const BYTES: usize = 4 << 20;

/// The bytes after which a line that was only a little late is examined.
const SOME_BYTES: usize = 1 << 20;

/// A time between two lines that is examined at once, also soon after an examination: in this time
/// a daemon can write most of a file, which has 20 MB by default.
const LONG: Duration = Duration::from_millis(500);

/// The clock of the daemon.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    /// The clock of this machine. Lines from before this time are in files that the daemon has
    /// already opened.
    Ours { began: SystemTime },
    /// Another clock: the shortest delay is the difference.
    Other,
    /// Nothing is known of the delays.
    Unknown,
}

/// The delay of the lines of one log.
#[derive(Debug)]
pub(super) struct Lag {
    clock: Clock,
    /// The shortest delay.
    least: Option<Duration>,
    /// The time and the delay of the last line.
    last: Option<(SystemTime, Duration)>,
    /// The bytes since the last examination.
    bytes: usize,
    /// The time of the line from which the log was read again.
    examined: Option<SystemTime>,
    is_paused: bool,
}

impl Lag {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            least: None,
            last: None,
            bytes: BYTES,
            examined: None,
            is_paused: false,
        }
    }

    /// The time of the last line.
    pub(super) fn last(&self) -> Option<SystemTime> {
        self.last.map(|(at, _)| at)
    }

    /// Whether no line is examined from now on.
    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// A line arrives; returns whether lines before it may have been skipped. Such a line does not
    /// count: it comes again.
    pub(super) fn may_skip(&mut self, at: SystemTime, bytes: usize, now: SystemTime) -> bool {
        if self.last.is_some_and(|(last, _)| at < last) {
            return false; // it is repeated
        }
        let late = now.duration_since(at).unwrap_or_default();
        let least = self.least.map_or(late, |least| least.min(late));
        let difference = match self.clock {
            Clock::Ours { began } if at > began => Duration::ZERO,
            Clock::Other => least,
            Clock::Ours { .. } | Clock::Unknown => Duration::MAX,
        };
        if let (Some((last, was_late)), false) = (self.last, self.is_paused) {
            let between = at.duration_since(last).unwrap_or_default();
            let was_late = was_late.saturating_sub(difference);
            let may_skip = match was_late >= between / PART {
                true => between >= LONG || (between >= SHORTEST && self.bytes >= BYTES),
                false => between >= LONG && was_late >= between / SMALL_PART && self.bytes >= SOME_BYTES,
            };
            if may_skip && self.examined != Some(last) {
                (self.bytes, self.examined) = (0, Some(last));
                return true;
            }
        }
        self.least = Some(least);
        self.last = Some((at, late));
        self.bytes = self.bytes.saturating_add(bytes);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    fn ours() -> Lag {
        Lag::new(Clock::Ours { began: after(900) })
    }

    #[test]
    fn jump_of_a_late_follower_is_examined_once() {
        let mut lag = ours();
        assert!(!lag.may_skip(after(1000), BYTES, after(1001)));
        assert!(!lag.may_skip(after(1001), 1, after(4000)), "late, without a jump");
        assert!(
            lag.may_skip(after(4000), 1, after(4001)),
            "late by the length of the jump"
        );
        assert_eq!(lag.last(), Some(after(1001)));
        assert!(
            !lag.may_skip(after(4000), BYTES, after(4002)),
            "the same line again"
        );
        assert!(!lag.may_skip(after(4001), 1, after(9000)));
        assert!(lag.may_skip(after(8000), 1, after(9001)));
    }

    /// A short pause of the program was examined, and a file was skipped soon after it.
    #[test]
    fn long_jump_after_a_short_one_is_examined() {
        let mut lag = ours();
        assert!(!lag.may_skip(after(1000), BYTES, after(3000)));
        assert!(lag.may_skip(after(1400), 1, after(3001)));
        for at in [1000, 1400] {
            assert!(!lag.may_skip(after(at), 1, after(3002)));
        }
        assert!(!lag.may_skip(after(1600), 1, after(3003)), "a short one, soon");
        assert!(lag.may_skip(after(3200), 1, after(3204)));
        assert!(
            !lag.may_skip(after(3200), 1, after(3205)),
            "its lines were removed"
        );
    }

    /// Docker 20.10 skipped a file of 18,572 lines after a line that was late by a little.
    #[test]
    fn long_jump_after_a_line_that_was_little_late() {
        for (bytes, expected) in [(SOME_BYTES, true), (SOME_BYTES - 1, false)] {
            let mut lag = ours();
            assert!(!lag.may_skip(after(1000), BYTES, after(3000)));
            assert!(lag.may_skip(after(1600), 1, after(3000)));
            assert!(!lag.may_skip(after(1600), bytes, after(3000)));
            assert!(!lag.may_skip(after(1700), 0, after(1850)));
            assert_eq!(lag.may_skip(after(3977), 1, after(3978)), expected);
            assert!(!lag.may_skip(after(3977), 1, after(3979)), "again");
        }
    }

    #[test]
    fn pause_of_the_program_is_not_examined() {
        let mut lag = ours();
        for second in 1..10 {
            let at = after(second * 1000);
            assert!(!lag.may_skip(at, BYTES, at + Duration::from_millis(5)));
        }
    }

    #[test]
    fn line_that_is_repeated_is_not_examined() {
        let mut lag = ours();
        assert!(!lag.may_skip(after(1000), BYTES, after(5000)));
        assert!(!lag.may_skip(after(500), BYTES, after(5000)));
        assert_eq!(lag.last(), Some(after(1000)));
        assert!(!lag.may_skip(after(1000), 1, after(5000)));
        assert!(lag.may_skip(after(2000), 1, after(5000)));
    }

    #[test]
    fn difference_of_the_clocks_is_no_delay() {
        let mut lag = Lag::new(Clock::Other);
        for second in 1..10 {
            let at = after(second * 1000);
            assert!(!lag.may_skip(at, BYTES, at + Duration::from_secs(3600)));
        }
        assert!(!lag.may_skip(after(9001), 1, after(9001) + Duration::from_secs(3605)));
        assert!(lag.may_skip(after(13_000), 1, after(13_000) + Duration::from_secs(3601)));
    }

    #[test]
    fn old_and_recorded_lines_are_not_examined() {
        for clock in [Clock::Unknown, Clock::Ours { began: after(60_000) }] {
            let mut lag = Lag::new(clock);
            for second in 1..10 {
                assert!(!lag.may_skip(after(second * 1000), BYTES, after(60_000 + second)));
            }
        }
    }
}
