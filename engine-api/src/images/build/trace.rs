//! BuildKit's trace of a build.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::protobuf::{Fields, Malformed, Value};
use crate::common::Timestamp;
use crate::error::{Error, Result};
use crate::images::Progress;

/// The ID of the lines that contain the trace.
const ID: &str = "moby.buildkit.trace";

/// An update of a build by BuildKit: the changes since the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildTrace {
    /// Steps that were found, began or ended.
    pub steps: Vec<BuildStep>,
    /// The progress of parts of steps.
    pub statuses: Vec<BuildStatus>,
    /// The output of steps.
    pub logs: Vec<BuildLog>,
    /// Warnings about the Dockerfile.
    pub warnings: Vec<BuildWarning>,
}

/// A step of a build. BuildKit's `Vertex`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildStep {
    /// Its ID, a digest.
    pub digest: String,
    /// The IDs of the steps that it depends on.
    pub inputs: Vec<String>,
    /// Its instruction: `[2/3] RUN make`.
    pub name: String,
    /// Whether its result was in the cache.
    pub cached: bool,
    /// Time of the start; `None` if it has not started.
    pub started: Option<Timestamp>,
    /// Time of the end; `None` if it has not ended.
    pub completed: Option<Timestamp>,
    /// Why it failed; empty if it has not failed.
    pub error: String,
}

/// The progress of a part of a step. BuildKit's `VertexStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildStatus {
    /// Its action: `exporting layers`, a layer's digest.
    pub id: String,
    /// The id of its step.
    pub step: String,
    /// Its subject.
    pub name: String,
    /// The number of bytes that are done.
    pub current: i64,
    /// The total number of bytes; 0 if it is unknown.
    pub total: i64,
    /// Time of this status.
    pub timestamp: Option<Timestamp>,
    /// Time of the start.
    pub started: Option<Timestamp>,
    /// Time of the end; `None` if it has not ended.
    pub completed: Option<Timestamp>,
}

/// Output of a step. BuildKit's `VertexLog`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildLog {
    /// The id of the step.
    pub step: String,
    /// When.
    pub timestamp: Option<Timestamp>,
    /// 1 for standard output, 2 for standard error.
    pub stream: i64,
    /// The bytes, line ends included.
    pub message: Vec<u8>,
}

/// A warning about a Dockerfile. BuildKit's `VertexWarning`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildWarning {
    /// The id of the step.
    pub step: String,
    /// Its severity.
    pub level: i64,
    /// The warning in one line.
    pub short: String,
    /// The details.
    pub detail: Vec<String>,
    /// The URL of the documentation.
    pub url: String,
}

impl Progress {
    /// BuildKit's trace in this line; `None` in the lines of other builders and of other calls.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Protocol`] when the line cannot be read.
    pub fn trace(&self) -> Result<Option<BuildTrace>> {
        let text = self.aux.as_ref().and_then(|aux| aux.as_str());
        match text {
            Some(text) if self.id == ID => STANDARD
                .decode(text)
                .map_err(|_| Malformed)
                .and_then(|bytes| trace(&bytes))
                .map(Some)
                .map_err(|Malformed| Error::protocol("the progress that BuildKit reports cannot be read")),
            _ => Ok(None),
        }
    }
}

type Read<T> = Result<T, Malformed>;

fn trace(message: &[u8]) -> Read<BuildTrace> {
    let mut trace = BuildTrace::default();
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => trace.steps.push(step(bytes(value)?)?),
            2 => trace.statuses.push(status(bytes(value)?)?),
            3 => trace.logs.push(log(bytes(value)?)?),
            4 => trace.warnings.push(warning(bytes(value)?)?),
            _ => {}
        }
    }
    Ok(trace)
}

fn step(message: &[u8]) -> Read<BuildStep> {
    let mut step = BuildStep::default();
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => step.digest = text(value)?,
            2 => step.inputs.push(text(value)?),
            3 => step.name = text(value)?,
            4 => step.cached = self::number(value)? != 0,
            5 => step.started = Some(time(bytes(value)?)?),
            6 => step.completed = Some(time(bytes(value)?)?),
            7 => step.error = text(value)?,
            _ => {}
        }
    }
    Ok(step)
}

fn status(message: &[u8]) -> Read<BuildStatus> {
    let mut status = BuildStatus::default();
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => status.id = text(value)?,
            2 => status.step = text(value)?,
            3 => status.name = text(value)?,
            4 => status.current = self::number(value)?,
            5 => status.total = self::number(value)?,
            6 => status.timestamp = Some(time(bytes(value)?)?),
            7 => status.started = Some(time(bytes(value)?)?),
            8 => status.completed = Some(time(bytes(value)?)?),
            _ => {}
        }
    }
    Ok(status)
}

fn log(message: &[u8]) -> Read<BuildLog> {
    let mut log = BuildLog::default();
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => log.step = text(value)?,
            2 => log.timestamp = Some(time(bytes(value)?)?),
            3 => log.stream = self::number(value)?,
            4 => log.message = bytes(value)?.to_vec(),
            _ => {}
        }
    }
    Ok(log)
}

fn warning(message: &[u8]) -> Read<BuildWarning> {
    let mut warning = BuildWarning::default();
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => warning.step = text(value)?,
            2 => warning.level = self::number(value)?,
            3 => warning.short = text(value)?,
            4 => warning.detail.push(text(value)?),
            5 => warning.url = text(value)?,
            _ => {}
        }
    }
    Ok(warning)
}

fn time(message: &[u8]) -> Read<Timestamp> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (1, value) => seconds = number(value)?,
            (2, value) => nanos = u32::try_from(number(value)?).map_err(|_| Malformed)?,
            _ => {}
        }
    }
    Ok(Timestamp::new(seconds, nanos))
}

/// Negative numbers are written as unsigned numbers with the same bits.
fn number(value: Value<'_>) -> Read<i64> {
    match value {
        Value::Number(number) => Ok(i64::from_ne_bytes(number.to_ne_bytes())),
        Value::Bytes(_) => Err(Malformed),
    }
}

fn bytes(value: Value<'_>) -> Read<&[u8]> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Number(_) => Err(Malformed),
    }
}

/// Bytes that are not UTF-8 are replaced, as in JSON.
fn text(value: Value<'_>) -> Read<String> {
    bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn line(aux: &str) -> Progress {
        let text = format!(r#"{{"id":"{ID}","aux":"{aux}"}}"#);
        crate::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn steps_statuses_logs_and_warnings_are_read() {
        let step = [
            field(1, b"sha256:a"),
            field(2, b"sha256:b"),
            field(3, b"[1/2] RUN x"),
            vec![4 << 3, 1],
            field(5, &[8, 7, 16, 9]),
            field(7, b"exit code: 7"),
            // A group of steps, which is ignored.
            field(8, b"\x0a\x01g"),
        ];
        let status = [field(1, b"layer"), vec![4 << 3, 5], vec![5 << 3, 6]];
        let log = [field(1, b"sha256:a"), vec![3 << 3, 2], field(4, b"out\n")];
        let warning = [
            vec![2 << 3, 1],
            field(3, b"short"),
            field(4, b"one"),
            field(4, b"two"),
            field(5, b"https://docs.test/rule"),
        ];
        let message = [
            field(1, &step.concat()),
            field(2, &status.concat()),
            field(3, &log.concat()),
            field(4, &warning.concat()),
            field(15, b"news"),
        ];
        let read = line(&STANDARD.encode(message.concat())).trace().unwrap().unwrap();
        let step = &read.steps[0];
        assert_eq!((step.digest.as_str(), step.cached), ("sha256:a", true));
        assert_eq!((step.started, step.completed), (Some(Timestamp::new(7, 9)), None));
        assert_eq!((step.inputs.len(), step.error.as_str()), (1, "exit code: 7"));
        assert_eq!((read.statuses[0].current, read.statuses[0].total), (5, 6));
        assert_eq!((read.logs[0].stream, &*read.logs[0].message), (2, &b"out\n"[..]));
        assert_eq!(read.warnings[0].detail, ["one", "two"]);
        assert_eq!(
            (read.warnings[0].level, read.warnings[0].short.as_str()),
            (1, "short")
        );
        assert_eq!(read.warnings[0].url, "https://docs.test/rule");
    }

    #[test]
    fn other_lines_have_none_and_broken_ones_are_errors() {
        let image: Progress = crate::from_json(br#"{"id":"moby.image.id","aux":{"ID":"x"}}"#).unwrap();
        assert_eq!(image.trace().unwrap(), None);
        // Not base64; a truncated message; a number instead of a message.
        for aux in ["***", "CgU=", "CAE="] {
            let error = line(aux).trace().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Protocol);
        }
        assert_eq!(line("").trace().unwrap(), Some(BuildTrace::default()));
    }

    proptest! {
        #[test]
        fn trace_has_an_item_for_each_field(message: Vec<u8>, inner: Vec<u8>, number in 1_u8..9) {
            let items = |trace: &BuildTrace| {
                trace.steps.len() + trace.statuses.len() + trace.logs.len() + trace.warnings.len()
            };
            if let Ok(trace) = trace(&message) {
                prop_assert!(items(&trace) <= message.len());
            }
            let nested = field(number, &inner[..inner.len().min(100)]);
            if let Ok(trace) = trace(&nested) {
                prop_assert_eq!(items(&trace), usize::from(number < 5));
            }
            if let Ok(trace) = trace(&field(1, &nested[..nested.len().min(120)])) {
                prop_assert_eq!((trace.steps.len(), items(&trace)), (1, 1));
            }
        }
    }
}
