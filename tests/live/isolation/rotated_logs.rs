//! Followed logs whose files the daemon rotates: what is missing is marked.

use isolation::{Command, EnvironmentSpec, LogEntry, LogOptions, LogStream, Main};

use super::{active, manager, spec};
use crate::support::{engines, rounds};

/// The lines of one round, and the bytes of each: 10 MB.
const LINES: u64 = 10_000;
const BYTES: u64 = 1_000;

/// A main process that writes about 10 MB in a second, for some seconds. The daemon keeps 100 MB.
fn writer(rounds: u64) -> EnvironmentSpec {
    let script = format!(
        "x=$(head -c {BYTES} /dev/zero | tr '\\0' x); i=0; while [ $i -lt {rounds} ]; do \
         seq $((i * {LINES} + 1)) $(((i + 1) * {LINES})) | sed \"s/$/ $x/\"; sleep 1; i=$((i + 1)); done"
    );
    EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        ..spec()
    }
}

/// Reads to the end. Every number is there, or is in a gap. Returns the lines and those in gaps.
async fn read(name: &str, mut log: LogStream) -> (u64, u64) {
    let (mut lines, mut missing, mut next, mut unknown) = (0, 0, 1, false);
    while let Some(entry) = log.next().await.unwrap() {
        match entry {
            LogEntry::Gap { lines: 0 } => unknown = true,
            LogEntry::Gap { lines } => {
                missing += lines;
                next += lines;
            }
            LogEntry::Line(line) => {
                let text = line.text_lossy();
                let Some((number, rest)) = text.split_once(' ') else {
                    panic!("{name}: after line {}: {text:?}", next - 1)
                };
                let number: u64 = number.parse().unwrap();
                assert!(
                    number == next || (unknown && number > next),
                    "{name}: line {number} instead of {next}"
                );
                assert_eq!(rest.len() as u64, BYTES, "{name}: line {number}");
                missing += number - next;
                (next, unknown) = (number + 1, false);
                lines += 1;
            }
        }
    }
    (lines, missing)
}

#[tokio::test]
async fn rotated_log_hides_no_line_from_a_follower() {
    for subject in engines() {
        // Podman keeps one file, and tears lines where it begins the next one.
        if subject.docker.system().ping().await.unwrap().is_podman() {
            continue;
        }
        let (manager, prefix) = manager(&subject);
        // More than the daemon keeps.
        let rounds = rounds(12) as u64;
        let environment = active(&manager, writer(rounds)).await;
        let follow = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let reading = environment.logs(follow.clone()).await.unwrap();
        // This one is read only at the end.
        let waiting = environment.logs(follow).await.unwrap();
        let name = subject.name.clone();
        let reader = tokio::spawn(async move { read(&name, reading).await });
        environment.wait().await.unwrap();
        let (lines, missing) = reader.await.unwrap();
        assert_eq!(
            lines + missing,
            rounds * LINES,
            "{}: {missing} are missing",
            subject.name
        );
        let (lines, missing) = read(&subject.name, waiting).await;
        assert_eq!(
            lines + missing,
            rounds * LINES,
            "{}: {missing} are missing",
            subject.name
        );
        assert!(missing > 0, "{}: 16 MiB are kept for a reader", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
