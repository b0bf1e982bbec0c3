//! Streams: the output of commands, logs and events.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::answers::{Answers, object};
use super::running::{Control, StreamSide};
use crate::command::execution::{Chunk, Execution};
use crate::command::exit_status::ExitStatus;
use crate::command::stdin::Stdin;
use crate::engine::Engine;
use crate::engine::watch::{self, Watching};
use crate::error::{Error, ErrorKind, Result};
use crate::events::Subscription;
use crate::logs::{LogEntry, LogLine, LogStream};
use crate::protocol::PIECE;
use crate::protocol::answer::{Answer, Ended, LogText, Output, log_cost};
use crate::protocol::data::Data;

/// The longest line of a log in one message, in bytes.
const LONGEST_LINE: usize = 4 * PIECE;

/// Sends that a stream follows.
async fn started(id: u64, answers: &Answers) -> Result<()> {
    let started = Answer {
        started: Some(true),
        ..Answer::to(id)
    };
    answers.send(&started).await
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the output of a command, passes its input on, and returns its exit status.
pub(super) async fn output(
    mut execution: Execution,
    id: u64,
    side: &mut StreamSide,
    answers: &Answers,
) -> Result<Map<String, Value>> {
    started(id, answers).await?;
    let _feeding = execution.take_stdin().map(|stdin| {
        let (answers, outstanding) = (answers.clone(), Arc::clone(&side.outstanding));
        let (_, none) = mpsc::unbounded_channel();
        let input = std::mem::replace(&mut side.input, none);
        Task(tokio::spawn(feed(stdin, input, outstanding, id, answers)))
    });
    let exit = pump(&mut execution, id, side, answers).await?;
    object(&Ended { exit })
}

async fn pump(
    execution: &mut Execution,
    id: u64,
    side: &mut StreamSide,
    answers: &Answers,
) -> Result<ExitStatus> {
    let mut waiting: VecDeque<(u32, Answer)> = VecDeque::new();
    let mut is_over = false;
    loop {
        let needed = waiting.front().map_or(1, |(bytes, _)| *bytes);
        tokio::select! {
            biased;
            Some((reply, control)) = side.controls.recv() => {
                side.handling = Some(reply);
                let done = match control {
                    Control::Signal(signal) => execution.kill(signal).await,
                    Control::Resize(size) => execution.resize(size).await,
                };
                answers.end(reply, done.map(|()| Map::new())).await?;
                side.handling = None;
            }
            room = side.window.acquire_many(needed), if !waiting.is_empty() => {
                room.map_err(|error| Error::engine("serve", error))?.forget();
                // It is not empty.
                let (_, answer) = waiting.pop_front().unwrap_or_default();
                answers.send(&answer).await?;
            }
            step = advance(execution, is_over), if waiting.is_empty() => match step? {
                Step::Output(chunk) => waiting.extend(pieces(&chunk, id, PIECE.min(side.size))),
                Step::OutputEnded => is_over = true,
                Step::Ended(exit) => return Ok(exit),
            },
        }
    }
}

enum Step {
    Output(Chunk),
    OutputEnded,
    Ended(ExitStatus),
}

/// The next step of a command. Dropping the future loses nothing.
async fn advance(execution: &mut Execution, is_over: bool) -> Result<Step> {
    if is_over {
        return execution.wait().await.map(Step::Ended);
    }
    Ok(match execution.next().await? {
        Some(chunk) => Step::Output(chunk),
        None => Step::OutputEnded,
    })
}

/// The messages for a piece of output, each with the number of its bytes.
fn pieces(chunk: &Chunk, id: u64, piece: usize) -> impl Iterator<Item = (u32, Answer)> {
    let (bytes, wrap): (&Bytes, fn(Data) -> Output) = match chunk {
        Chunk::Stdout(bytes) => (bytes, Output::Stdout),
        Chunk::Stderr(bytes) => (bytes, Output::Stderr),
    };
    bytes.chunks(piece.max(1)).map(move |part| {
        let answer = Answer {
            output: Some(wrap(Data::of(part))),
            ..Answer::to(id)
        };
        (u32::try_from(part.len()).unwrap_or(u32::MAX), answer)
    })
}

/// Passes input on, and allows the client to send the same number of bytes again.
async fn feed(
    mut stdin: Stdin,
    mut input: mpsc::UnboundedReceiver<Option<Bytes>>,
    outstanding: Arc<AtomicU32>,
    id: u64,
    answers: Answers,
) {
    while let Some(Some(bytes)) = input.recv().await {
        // A command may exit without reading all its input, such as `head -1`.
        let _ = stdin.write(&bytes).await;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        outstanding.fetch_sub(length, Ordering::AcqRel);
        let more = Answer {
            more: Some(length),
            ..Answer::to(id)
        };
        if answers.send(&more).await.is_err() {
            return;
        }
    }
    // The command may have exited.
    let _ = stdin.finish().await;
}

/// Sends the lines of a log.
pub(super) async fn log(
    mut lines: LogStream,
    id: u64,
    side: &mut StreamSide,
    answers: &Answers,
) -> Result<Map<String, Value>> {
    started(id, answers).await?;
    while let Some(entry) = lines.next().await? {
        match entry {
            LogEntry::Line(line) => {
                for part in parts(&line) {
                    let answer = Answer {
                        log: Some(LogText::of(&part)),
                        ..Answer::to(id)
                    };
                    let needed = log_cost(part.text.len(), side.size);
                    let room = side.window.acquire_many(needed).await;
                    room.map_err(|error| Error::engine("serve", error))?.forget();
                    answers.send(&answer).await?;
                }
            }
            LogEntry::Gap { lines } => {
                let answer = Answer {
                    missed: Some(lines),
                    ..Answer::to(id)
                };
                answers.send(&answer).await?;
            }
        }
    }
    Ok(Map::new())
}

/// A line of a log, split into parts that fit into a message.
fn parts(line: &LogLine) -> Vec<LogLine> {
    let (mut rest, mut parts) = (line.text.clone(), Vec::new());
    while rest.len() > LONGEST_LINE {
        parts.push(LogLine {
            text: rest.split_to(LONGEST_LINE),
            complete: false,
            ..line.clone()
        });
    }
    parts.push(LogLine {
        text: rest,
        ..line.clone()
    });
    parts
}

/// Sends the events of the connection, without end.
pub(super) async fn events(
    mut events: Subscription,
    id: u64,
    answers: &Answers,
) -> Result<Map<String, Value>> {
    started(id, answers).await?;
    while let Some(event) = events.next().await {
        let mut answer = Answer::to(id);
        match event {
            Ok(event) => answer.event = Some(Value::Object(object(&event)?)),
            Err(lagged) => answer.missed = Some(lagged.0),
        }
        answers.send(&answer).await?;
    }
    Ok(Map::new())
}

/// Sends what an engine sees in its environments, without end.
pub(super) async fn reports(engine: &dyn Engine, id: u64, answers: &Answers) -> Result<Map<String, Value>> {
    let (reports, mut received) = watch::reports();
    let _watching = engine.watch(reports).await?;
    started(id, answers).await?;
    while let Some(item) = received.next().await {
        let mut answer = Answer::to(id);
        match item {
            watch::Item::Report(report, _) => answer.report = Some(report),
            watch::Item::Gap => answer.missed = Some(0),
            watch::Item::Ended(why) => return Err(Error::new(ErrorKind::Engine, why)),
        }
        answers.send(&answer).await?;
    }
    Ok(Map::new())
}

/// Holds the watch of an engine until the request is cancelled.
pub(super) async fn until_cancelled(
    watching: Watching,
    id: u64,
    answers: &Answers,
) -> Result<Map<String, Value>> {
    started(id, answers).await?;
    let _watching = watching;
    pending().await
}
