//! One run of a scenario on a mutated recording, and what came of it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use engine_api::{Docker, Error, ErrorKind, Timeouts};
use engine_fixtures::faults::{Fault, Faulty, ReplySeen};
use engine_fixtures::{Player, Recording};

use super::Scenario;

/// What came of a scenario.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) told: Told,
    /// What was passed on of each reply.
    pub(super) replies: Vec<ReplySeen>,
    /// What the recording says at the end: what was not asked for, and what was asked in vain.
    pub(super) left: Option<String>,
}

/// How a scenario ended.
#[derive(Debug)]
pub(super) enum Told {
    /// It succeeded.
    Success,
    /// The client told an error, which the scenario handed on.
    Error(Error),
    /// The scenario found something else than it must.
    Panic { message: String },
    /// It waited for longer than all limits together.
    Hang,
}

/// Timeouts that run out long before [`HANG`].
const LIMITS: Timeouts = Timeouts {
    connect: Some(Duration::from_secs(10)),
    head: Some(Duration::from_secs(2)),
    idle: Some(Duration::from_secs(2)),
    total: Some(Duration::from_secs(5)),
};
/// Of virtual time; with nothing else to do it passes at once.
const HANG: Duration = Duration::from_secs(100);

/// Longer than all of [`LIMITS`] together.
const PAST_LIMITS: Duration = Duration::from_secs(20);
/// Of real time; only what does hang waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a scenario on a recording.
pub(super) fn run(recording: &Recording, mutation: Fault, scenario: Scenario) -> Run {
    run_for(PATIENCE, recording, mutation, scenario)
}

/// As [`run`], with less patience.
pub(super) fn run_for(patience: Duration, recording: &Recording, mutation: Fault, scenario: Scenario) -> Run {
    quiet_panics();
    let player = Player::new(recording.clone()).unwrap();
    let mutated = Faulty::new(player.clone(), mutation);
    let docker = Docker::with_connector(mutated.clone()).with_timeouts(LIMITS);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    PANIC.with(|panic| *panic.borrow_mut() = Some(None));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                outcome = tokio::time::timeout(HANG, scenario(docker)) => outcome.ok(),
                () = past_limits(&mutated, patience) => None,
            }
        })
    }));
    let panic = PANIC.with(|panic| panic.borrow_mut().take()).flatten();
    let told = match outcome {
        Ok(Some(Ok(()))) => Told::Success,
        Ok(Some(Err(error))) => Told::Error(error),
        Ok(None) => Told::Hang,
        Err(_) => {
            let (message, place) = panic.expect("a panic tells the hook");
            assert!(place.contains("scenarios"), "{place}: {message}");
            Told::Panic { message }
        }
    };
    let left = player.finish().err().map(|error| error.to_string());
    Run {
        told,
        replies: mutated.replies(),
        left,
    }
}

/// Lets all limits run out once the client waits for what does not come; ends if that does not end the scenario.
///
/// Tokio's paused clock does not go on by itself while a thread unpacks or waits for what it shall unpack: neither
/// would a limit run out, nor [`HANG`].
async fn past_limits(mutated: &Faulty<Player>, patience: Duration) {
    mutated.stalled().await;
    tokio::time::advance(PAST_LIMITS).await;
    let (over, is_over) = tokio::sync::oneshot::channel();
    let (_running, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if stopped.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // If the scenario ends at this moment, nobody waits for that any more.
            let _ = over.send(());
        }
    });
    if is_over.await.is_err() {
        std::future::pending().await
    }
}

thread_local! {
    /// `Some` while a scenario runs on this thread; then what it said when it panicked, and where.
    static PANIC: RefCell<Option<Option<(String, String)>>> = const { RefCell::new(None) };
}

/// The text of a panic.
fn message(payload: &dyn std::any::Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Keeps what scenarios say in panics, which here are outcomes as others; other threads' are printed.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = message(info.payload());
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let kept = PANIC.with(|panic| match &mut *panic.borrow_mut() {
                Some(told) => {
                    *told = Some((message, place));
                    true
                }
                None => false,
            });
            if !kept {
                before(info);
            }
        }));
    });
}

impl Run {
    /// Whether the scenario succeeded, and used the whole recording.
    pub(super) fn passed(&self) -> bool {
        matches!(self.told, Told::Success) && self.left.is_none()
    }

    /// Whether the client told an error of one of these kinds: the scenario hands it on, or says it where it had
    /// expected another one.
    pub(super) fn told(&self, kinds: &[ErrorKind]) -> bool {
        let Told::Panic { message } = &self.told else {
            return matches!(&self.told, Told::Error(error) if kinds.contains(&error.kind()));
        };
        // `assert!(….unwrap_err().is_not_found())` says no more than that there was an error.
        let source = message.starts_with("assertion failed: ") && message.contains("unwrap_err()");
        let texts = kinds.iter().flat_map(|kind| texts(*kind));
        source || texts.into_iter().any(|text| message.contains(text))
    }

    /// Whether the text occurs in what came of it.
    pub(super) fn says(&self, text: &str) -> bool {
        let outcome = match &self.told {
            Told::Error(error) => error.to_string().contains(text),
            Told::Panic { message } => message.contains(text),
            Told::Success | Told::Hang => false,
        };
        outcome || self.left.as_ref().is_some_and(|left| left.contains(text))
    }
}

/// What errors of a kind say.
fn texts(kind: ErrorKind) -> &'static [&'static str] {
    match kind {
        ErrorKind::Disconnected => &[
            "the connection to the engine failed",
            "the engine closed the connection",
            "the connection ended",
        ],
        ErrorKind::Truncated => &["the stream ended too early"],
        ErrorKind::Unreachable => &["cannot reach the engine"],
        ErrorKind::Timeout => &[
            "no answer within",
            "no further data within",
            "no end of the call within",
        ],
        _ => &[],
    }
}
