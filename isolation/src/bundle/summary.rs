//! The page that names the likely cause, and the commands with their output.

use std::fmt::Write;
use std::time::SystemTime;

use engine_api::common::Timestamp;

use super::Content;
use crate::counted::counted;
use crate::events::{Event, EventKind};
use crate::history::{CommandRecord, Piece};
use crate::logs::OutputStream;

/// The number of lines of output and events on the page.
const LINES: usize = 20;

/// The contents of each file.
const FILES: [(&str, &str); 16] = [
    (
        "spec.json",
        "the specification, without values of variables and labels",
    ),
    ("evidence.json", "the facts that led to the likely cause"),
    ("state.json", "the state of the environment"),
    ("inspect.json", "the container, as the daemon describes it"),
    ("image.json", "its image"),
    ("engine.json", "the daemon and its machine"),
    ("networks.json", "its networks, and the containers on them"),
    (
        "changes.json",
        "the files that differ from the image (kind 0 modified, 1 added, 2 deleted)",
    ),
    (
        "stdout.txt",
        "the last lines of the main process on standard output",
    ),
    (
        "stderr.txt",
        "the last lines of the main process on standard error",
    ),
    ("commands.txt", "the commands, their exit codes and their output"),
    ("commands.jsonl", "the commands, one JSON object per line"),
    ("events.jsonl", "the events"),
    (
        "metrics.jsonl",
        "the usage of CPU, memory and other resources over time",
    ),
    ("health.jsonl", "the last results of the health check"),
    ("README.md", "this page"),
];

fn time(at: SystemTime) -> String {
    let mut text = Timestamp::from(at).to_rfc3339();
    // Milliseconds are enough for people.
    text.truncate(23);
    text + "Z"
}

/// The page. Writing to a string cannot fail.
pub(super) fn page(content: &Content, files: &[String]) -> String {
    let mut page = String::new();
    let diagnosis = &content.diagnosis;
    let _ = writeln!(page, "# {}\n", content.name);
    let _ = writeln!(page, "**Likely cause:** {}.\n", diagnosis.cause);
    let _ = writeln!(page, "**What to do:** {}.\n", diagnosis.cause.hint());
    block(&mut page, &diagnosis.because);
    let _ = writeln!(page, "| | |\n|---|---|");
    let row = |page: &mut String, name: &str, value: &str| {
        let _ = writeln!(page, "| {name} | {} |", value.replace('|', "\\|"));
    };
    row(&mut page, "time", &time(content.at));
    row(&mut page, "environment", &content.id);
    row(&mut page, "engine", &content.engine);
    if let Some(image) = &content.spec.image {
        row(&mut page, "image", image);
    }
    if let Some(status) = content.evidence.status {
        row(&mut page, "status", &status.to_string());
    }
    if let Some(exit) = content.evidence.exit {
        row(&mut page, "main process", &exit.to_string());
    }
    if let Some(command) = &content.evidence.command {
        row(
            &mut page,
            "last command",
            &format!("`{}`: {}", command.argv.join(" "), command.exit),
        );
    }
    if let Some(last) = content.samples.last() {
        row(
            &mut page,
            "memory",
            &format!(
                "{}, at most {}",
                counted(last.memory, "byte", "bytes"),
                last.memory_peak
            ),
        );
    }
    section(&mut page, "Error", &content.evidence.error);
    if let Some(check) = content.checks.last() {
        let output: Vec<String> = check.output.lines().map(str::to_owned).collect();
        section(&mut page, "Last health check", &output);
    }
    let command = content
        .evidence
        .command
        .iter()
        .flat_map(|command| &command.output);
    section(
        &mut page,
        "Last output of the command",
        &last(command.cloned().collect()),
    );
    section(
        &mut page,
        "Last lines of standard error",
        &last(content.evidence.stderr.clone()),
    );
    section(
        &mut page,
        "Last lines of standard output",
        &last(content.evidence.stdout.clone()),
    );
    let events = content.events.iter().map(event);
    section(&mut page, "Last events", &last(events.collect()));
    let _ = writeln!(page, "\n## Files\n");
    for (name, what) in FILES {
        if name == "README.md" || files.iter().any(|file| file == name) {
            let _ = writeln!(page, "- `{name}`: {what}");
        }
    }
    page
}

fn last(mut lines: Vec<String>) -> Vec<String> {
    lines.split_off(lines.len().saturating_sub(LINES))
}

fn section(page: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(page, "\n## {title}\n");
        block(page, lines);
    }
}

fn block(page: &mut String, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    // A fence within the lines must not end the block.
    let of_line = |line: &String| {
        let line = line.trim_start();
        line.len() - line.trim_start_matches('~').len()
    };
    let longest = lines.iter().map(of_line).max().unwrap_or(0);
    let fence = "~".repeat(6.max(longest + 1));
    let _ = writeln!(page, "{fence}text");
    for line in lines {
        let _ = writeln!(page, "{}", line.trim_end());
    }
    let _ = writeln!(page, "{fence}\n");
}

fn event(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::CommandStarted { argv } => format!("command started: {}", argv.join(" ")),
        EventKind::CommandEnded { argv, exit } => format!("command ended: {}: {exit}", argv.join(" ")),
        EventKind::Failed { message, .. } => format!("failed: {message}"),
        EventKind::Rejected { reason } => format!("engine rejected: {reason}"),
        EventKind::Exited { exit } => format!("main process ended: {exit}"),
        other => serde_json::to_value(other)
            .ok()
            .and_then(|value| Some(value.get("type")?.as_str()?.replace('_', " ")))
            .unwrap_or_default(),
    };
    format!("{} {}: {what}", time(event.at), event.subject.name())
}

/// Every command with its exit status and its output.
pub(super) fn commands(commands: &[CommandRecord], output: &[Piece]) -> String {
    let mut text = String::new();
    for command in commands {
        let end = match (command.exit, command.ended) {
            (Some(exit), _) => exit.to_string(),
            (None, Some(_)) => "killed, because its caller no longer waited for it".to_owned(),
            (None, None) => "runs".to_owned(),
        };
        let took = command
            .ended
            .and_then(|ended| ended.duration_since(command.began).ok());
        let took = took
            .map(|took| format!(", {:.3} s", took.as_secs_f64()))
            .unwrap_or_default();
        let argv = command.argv.join(" ");
        let _ = writeln!(
            text,
            "### {} #{} {argv}\n### {end}{took}",
            time(command.began),
            command.number
        );
        for (name, stream) in [("stdout", OutputStream::Stdout), ("stderr", OutputStream::Stderr)] {
            let of_it = output
                .iter()
                .filter(|piece| piece.command == command.number && piece.stream == stream);
            let bytes: Vec<u8> = of_it.flat_map(|piece| piece.bytes.iter().copied()).collect();
            for line in String::from_utf8_lossy(&bytes).lines() {
                let _ = writeln!(text, "{name}: {line}");
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::exit_status::ExitStatus;
    use crate::events::Subject;

    #[test]
    fn block_without_lines_is_left_out() {
        let mut page = String::new();
        block(&mut page, &[]);
        assert_eq!(page, "");
        block(&mut page, &["~~~~~~~ x".to_owned()]);
        assert!(page.starts_with("~~~~~~~~text\n~~~~~~~ x\n~~~~~~~~\n"), "{page}");
    }

    #[test]
    fn event_is_one_line() {
        let line = |kind| {
            event(&Event {
                sequence: 1,
                at: SystemTime::UNIX_EPOCH,
                subject: Subject::Engine {
                    engine: "basic".to_owned(),
                },
                kind,
            })
        };
        let exit = ExitStatus::from_code(3);
        for (kind, end) in [
            (
                EventKind::Rejected {
                    reason: "too old".to_owned(),
                },
                "engine rejected: too old",
            ),
            (EventKind::Exited { exit }, "main process ended: exit code 3"),
            (EventKind::Gap, "gap"),
        ] {
            let line = line(kind);
            assert!(line.starts_with("1970-01-01T00:00:00"), "{line}");
            assert!(line.ends_with(&format!("basic: {end}")), "{line}");
        }
    }

    #[test]
    fn command_without_an_exit_code_says_why() {
        let began = SystemTime::UNIX_EPOCH;
        let of = |ended| {
            let command = CommandRecord {
                number: 1,
                argv: vec!["sleep".to_owned(), "9".to_owned()],
                began,
                ended,
                exit: None,
            };
            commands(&[command], &[])
        };
        assert!(of(None).contains(" #1 sleep 9\n### runs\n"), "{}", of(None));
        let killed = of(Some(began + std::time::Duration::from_secs(2)));
        assert!(
            killed.contains("### killed, because its caller no longer waited for it, 2.000 s"),
            "{killed}"
        );
    }
}
