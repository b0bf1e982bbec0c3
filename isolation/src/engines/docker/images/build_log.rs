//! The output of a build by BuildKit, as lines of text.

use std::collections::BTreeMap;
use std::fmt::Write;

use engine_api::images::{BuildStatus, BuildStep, Progress};

use crate::counted::counted;

/// The steps of a build so far.
///
/// The lines are those of `docker build --progress plain`: each has the number of its step.
#[derive(Debug, Default)]
pub(super) struct BuildLog {
    steps: BTreeMap<String, Step>,
}

#[derive(Debug, Default)]
struct Step {
    number: usize,
    name: String,
    named: bool,
    ended: bool,
    /// The parts that have been reported as done.
    done: Vec<String>,
    /// Output without its end of line.
    rest: String,
}

/// The longest line that is kept until it is complete, in bytes.
const LONGEST_LINE: usize = 64 << 10;

impl BuildLog {
    /// Passes on what a line of the progress adds.
    pub(super) fn add(
        &mut self,
        line: &Progress,
        on_log: &mut (dyn FnMut(&str) + Send),
    ) -> engine_api::Result<()> {
        let Some(trace) = line.trace()? else {
            if !line.stream.is_empty() {
                on_log(&line.stream);
            }
            return Ok(());
        };
        for step in &trace.steps {
            self.begin(step, on_log);
        }
        for status in &trace.statuses {
            self.part(status, on_log);
        }
        for output in &trace.logs {
            let step = self.step(&output.step);
            step.rest.push_str(&String::from_utf8_lossy(&output.message));
            step.print(false, on_log);
        }
        for step in &trace.steps {
            self.end(step, on_log);
        }
        for warning in &trace.warnings {
            let number = self.step(&warning.step).number;
            on_log(&format!("#{number} WARNING: {}\n", warning.short));
        }
        Ok(())
    }

    fn step(&mut self, digest: &str) -> &mut Step {
        let next = self.steps.len() + 1;
        self.steps.entry(digest.to_owned()).or_insert_with(|| Step {
            number: next,
            ..Step::default()
        })
    }

    fn begin(&mut self, step: &BuildStep, on_log: &mut (dyn FnMut(&str) + Send)) {
        if step.started.is_none() && step.completed.is_none() {
            return;
        }
        let known = self.step(&step.digest);
        known.name.clone_from(&step.name);
        if !std::mem::replace(&mut known.named, true) {
            on_log(&format!("#{} {}\n", known.number, step.name));
        }
    }

    /// Reports a part that is complete, once.
    fn part(&mut self, status: &BuildStatus, on_log: &mut (dyn FnMut(&str) + Send)) {
        let step = self.step(&status.step);
        if status.completed.is_none() || step.ended || step.done.contains(&status.id) {
            return;
        }
        step.done.push(status.id.clone());
        let mut line = format!("#{} {}", step.number, status.id);
        let bytes = status.current.max(status.total);
        if bytes > 0 {
            // Writing to a text cannot fail.
            let _ = write!(line, " {}", counted(bytes, "byte", "bytes"));
        }
        on_log(&format!("{line} done\n"));
    }

    fn end(&mut self, step: &BuildStep, on_log: &mut (dyn FnMut(&str) + Send)) {
        let known = self.step(&step.digest);
        if step.completed.is_none() || std::mem::replace(&mut known.ended, true) {
            return;
        }
        known.print(true, on_log);
        let number = known.number;
        on_log(&match (step.error.as_str(), step.cached) {
            ("", true) => format!("#{number} CACHED\n"),
            ("", false) => format!("#{number} DONE\n"),
            (error, _) => format!("#{number} ERROR: {error}\n"),
        });
    }
}

impl Step {
    /// Passes on the complete lines of the output; at the end, also the rest.
    fn print(&mut self, all: bool, on_log: &mut (dyn FnMut(&str) + Send)) {
        let all = all || self.rest.len() > LONGEST_LINE;
        let complete = match all {
            true => self.rest.len(),
            false => self.rest.rfind('\n').map_or(0, |at| at + 1),
        };
        let lines: String = self.rest.drain(..complete).collect();
        for line in lines.lines() {
            on_log(&format!("#{} {line}\n", self.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// A field of a message in the encoding of protobuf; only of short ones.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, bytes.len() as u8];
        field.extend_from_slice(bytes);
        field
    }

    fn line(trace: &[u8]) -> Progress {
        let text = STANDARD.encode(trace);
        let json = format!(r#"{{"id":"moby.buildkit.trace","aux":"{text}"}}"#);
        engine_api::from_json(json.as_bytes()).unwrap()
    }

    fn step(name: &str, ends: bool, error: &str) -> Vec<u8> {
        let time = [8, 1];
        let mut step = [field(1, b"d"), field(3, name.as_bytes()), field(5, &time)].concat();
        if ends {
            step.extend(field(6, &time));
        }
        if !error.is_empty() {
            step.extend(field(7, error.as_bytes()));
        }
        field(1, &step)
    }

    fn output(text: &str) -> Vec<u8> {
        field(3, &[field(1, b"d"), field(4, text.as_bytes())].concat())
    }

    #[test]
    fn lines_have_the_number_of_their_step() {
        let mut log = BuildLog::default();
        let mut shown = String::new();
        let waiting = field(1, &[field(1, b"d"), field(3, b"[1/1] RUN make")].concat());
        for trace in [
            waiting,
            step("[1/1] RUN make", false, ""),
            output("one\ntw"),
            output("o\nthree"),
            step("[1/1] RUN make", true, "exit code: 1"),
            step("[1/1] RUN make", true, "exit code: 1"),
        ] {
            log.add(&line(&trace), &mut |text| shown.push_str(text)).unwrap();
        }
        assert_eq!(
            shown,
            "#1 [1/1] RUN make\n#1 one\n#1 two\n#1 three\n#1 ERROR: exit code: 1\n"
        );
    }

    fn part(id: &str, bytes: u8, ends: bool) -> Vec<u8> {
        let mut part = [field(1, id.as_bytes()), field(2, b"d"), vec![4 << 3, bytes]].concat();
        if ends {
            part.extend(field(8, &[8, 1]));
        }
        field(2, &part)
    }

    #[test]
    fn part_of_a_step_is_reported_once() {
        let mut log = BuildLog::default();
        let mut shown = String::new();
        let warning = field(4, &[field(1, b"d"), field(3, b"old syntax")].concat());
        for trace in [
            part("sha256:1", 5, false),
            step("[1/1] FROM base", false, ""),
            part("sha256:1", 7, true),
            part("sha256:1", 7, true),
            part("resolve", 0, true),
            warning,
            step("[1/1] FROM base", true, ""),
            part("sha256:2", 7, true),
        ] {
            log.add(&line(&trace), &mut |text| shown.push_str(text)).unwrap();
        }
        assert_eq!(
            shown,
            "#1 [1/1] FROM base\n#1 sha256:1 7 bytes done\n#1 resolve done\n#1 WARNING: old syntax\n#1 DONE\n"
        );
    }

    #[test]
    fn endless_line_is_not_kept() {
        let mut log = BuildLog::default();
        let mut shown = 0;
        for _ in 0..2 * LONGEST_LINE / 100 {
            log.add(&line(&output(&"x".repeat(100))), &mut |text| shown += text.len())
                .unwrap();
        }
        assert!(shown > LONGEST_LINE && log.steps["d"].rest.len() <= LONGEST_LINE + 100);
    }
}
