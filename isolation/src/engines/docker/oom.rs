//! Which commands of a container were killed at the memory limit.
//!
//! The daemon reports kills of a container, not of a command. A kill belongs to a command that
//! ended with 137 if it happened after the command's start, and no command that ended before that
//! start was reported with it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_api::system::Event;
use tokio::time::Instant;

/// The most reports that are kept: of commands that ran at the same time.
const MOST: usize = 64;

/// The start of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandStart<'a> {
    /// The exec that runs the command, or its shell.
    pub(super) exec: &'a str,
    /// The time of the start.
    pub(super) at: Instant,
    /// At least so much later than the start of the exec.
    pub(super) after_exec: Duration,
}

/// The kills of a container, by the daemon's clock, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Kills {
    /// The start of the exec, once it was reported.
    pub(super) exec_start: Option<i64>,
    /// The kills after that start.
    times: Vec<i64>,
    /// The number of kills since the start of the container.
    pub(super) since_start: u64,
}

impl Kills {
    /// Adds an event of the container. The events have the order of their times.
    pub(super) fn add(&mut self, event: &Event, exec: &str) {
        match event.verb() {
            "start" => self.since_start = 0,
            "exec_start" if event.actor.attributes.get("execID").is_some_and(|id| id == exec) => {
                self.exec_start = Some(event.time_nano);
            }
            "oom" => {
                self.since_start += 1;
                if self.exec_start.is_some() {
                    self.times.push(event.time_nano);
                }
            }
            _ => {}
        }
    }
}

/// The kills of a container that were reported as the ends of commands.
#[derive(Debug, Default)]
pub(super) struct ReportedKills {
    /// The kernel's counter at the last report, where the daemon has no events.
    counter: AtomicU64,
    /// When a command was reported as killed, and the time of the newest kill.
    reports: Mutex<VecDeque<(Instant, i64)>>,
}

impl ReportedKills {
    /// Whether the kernel's counter differs from that at the last report. It counts anew after each
    /// start of the container.
    pub(super) fn counts(&self, counter: u64) -> bool {
        let before = self.counter.swap(counter, Ordering::AcqRel);
        counter > 0 && counter != before
    }

    /// Whether one of the kills belongs to this command. It is reported from now on.
    pub(super) fn report(&self, start: CommandStart<'_>, kills: &Kills) -> bool {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = reports.iter().filter(|(reported, _)| *reported < start.at);
        let known = earlier.map(|(_, newest)| *newest).max();
        let after = i64::try_from(start.after_exec.as_nanos()).unwrap_or(i64::MAX);
        let begun = kills.exec_start.unwrap_or(0).saturating_add(after);
        let new = |time: &&i64| **time >= begun && known.is_none_or(|known| **time > known);
        let Some(newest) = kills.times.iter().filter(new).max() else {
            return false;
        };
        reports.push_back((Instant::now(), *newest));
        if reports.len() > MOST {
            reports.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn kill_belongs_to_the_commands_that_ran_then() {
        let reported = ReportedKills::default();
        let opened = Instant::now();
        let tick = || tokio::time::advance(Duration::from_secs(1));
        let start = |at: Instant| CommandStart {
            exec: "shell",
            at,
            after_exec: at - opened,
        };
        let second = 1_000_000_000;
        let kills = |times: &[i64]| Kills {
            exec_start: Some(100 * second),
            times: times.iter().map(|time| time * second).collect(),
            since_start: 0,
        };
        tick().await;
        // Two commands at the same time, one kill each.
        let (one, other) = (start(Instant::now()), start(Instant::now()));
        tick().await;
        assert!(reported.report(one, &kills(&[102, 103])));
        assert!(reported.report(other, &kills(&[102, 103])));
        tick().await;
        // The next command ends with 137 by itself.
        let next = start(Instant::now());
        assert!(!reported.report(next, &kills(&[102, 103])));
        assert!(reported.report(next, &kills(&[102, 103, 104])));
        // No command was reported with the kill at 105, which is older than this one.
        tokio::time::advance(Duration::from_secs(10)).await;
        let late = start(Instant::now());
        assert!(!reported.report(late, &kills(&[102, 103, 104, 105])));
    }

    #[test]
    fn kills_are_counted_from_the_start() {
        let mut kills = Kills::default();
        for (time, action) in ["oom", "start", "oom", "exec_start: tail", "oom"]
            .iter()
            .enumerate()
        {
            let json = format!(
                r#"{{"Type":"container","Action":"{action}","timeNano":{time},
                    "Actor":{{"ID":"c","Attributes":{{"execID":"e"}}}}}}"#
            );
            kills.add(&engine_api::from_json(json.as_bytes()).unwrap(), "e");
        }
        assert_eq!((kills.since_start, kills.exec_start), (2, Some(3)));
        assert_eq!(kills.times, [4]);
    }

    #[test]
    fn counter_that_has_not_changed_is_no_kill() {
        let reported = ReportedKills::default();
        let seen = [0, 1, 1, 2, 0, 1].map(|counter| reported.counts(counter));
        assert_eq!(seen, [false, true, false, true, false, true]);
    }

    #[test]
    fn list_of_reported_kills_is_bounded() {
        let reported = ReportedKills::default();
        let start = CommandStart {
            exec: "shell",
            at: Instant::now(),
            after_exec: Duration::ZERO,
        };
        for time in 1..=2 * MOST as i64 {
            let kills = Kills {
                exec_start: Some(0),
                times: vec![time],
                since_start: 0,
            };
            reported.report(start, &kills);
        }
        assert!(reported.reports.lock().unwrap().len() <= MOST);
    }
}
