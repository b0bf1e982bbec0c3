//! One run of a scenario on a faulty replay, and its outcome.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use engine_api::{Docker, Error, ErrorKind, Timeouts};
use engine_fixtures::faults::{Fault, Faulty, ReplyStats};
use engine_fixtures::{Player, Recording};

use super::Scenario;

/// The outcome of a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) outcome: Outcome,
    /// The parts of each reply that reached the client.
    pub(super) replies: Vec<ReplyStats>,
    /// The error of the replay at the end: exchanges that were not requested, and requests that
    /// matched none.
    pub(super) left: Option<String>,
}

/// How a scenario ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The scenario succeeded.
    Success,
    /// The client returned an error, which the scenario returned.
    Error(Error),
    /// An assertion of the scenario failed.
    Panic { message: String },
    /// The scenario waited for longer than all timeouts together.
    Hang,
}

/// Timeouts that expire long before [`HANG`].
const TIMEOUTS: Timeouts = Timeouts {
    connect: Some(Duration::from_secs(10)),
    head: Some(Duration::from_secs(2)),
    idle: Some(Duration::from_secs(2)),
    total: Some(Duration::from_secs(5)),
};
/// A duration on the paused clock, which advances at once when all tasks are idle.
const HANG: Duration = Duration::from_secs(100);

/// Longer than all of [`TIMEOUTS`] together.
const ALL_TIMEOUTS: Duration = Duration::from_secs(20);
/// A duration on the real clock. Only a run that hangs takes so long.
const REAL_TIME: Duration = Duration::from_secs(60);

/// Runs a scenario on a recording.
pub(super) fn run(recording: &Recording, fault: Fault, scenario: Scenario) -> Run {
    run_for(REAL_TIME, recording, fault, scenario)
}

/// Like [`run`], with another duration on the real clock.
pub(super) fn run_for(real_time: Duration, recording: &Recording, fault: Fault, scenario: Scenario) -> Run {
    quiet_panics();
    let player = Player::new(recording.clone()).unwrap();
    let faulty = Faulty::new(player.clone(), fault);
    let docker = Docker::with_connector(faulty.clone()).with_timeouts(TIMEOUTS);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    PANIC.with(|panic| *panic.borrow_mut() = Some(None));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                outcome = tokio::time::timeout(HANG, scenario(docker)) => outcome.ok(),
                () = expire_timeouts(&faulty, real_time) => None,
            }
        })
    }));
    let panic = PANIC.with(|panic| panic.borrow_mut().take()).flatten();
    let outcome = match outcome {
        Ok(Some(Ok(()))) => Outcome::Success,
        Ok(Some(Err(error))) => Outcome::Error(error),
        Ok(None) => Outcome::Hang,
        Err(_) => {
            let (message, place) = panic.expect("the hook has stored the panic");
            assert!(place.contains("scenarios"), "{place}: {message}");
            Outcome::Panic { message }
        }
    };
    let left = player.finish().err().map(|error| error.to_string());
    Run {
        outcome,
        replies: faulty.replies(),
        left,
    }
}

/// Makes all timeouts expire once the client waits for bytes that do not come. Returns if that does
/// not end the scenario.
///
/// Tokio's paused clock does not advance while a thread unpacks or waits for bytes to unpack.
/// Neither a timeout nor [`HANG`] would expire.
async fn expire_timeouts(faulty: &Faulty<Player>, real_time: Duration) {
    faulty.stalled().await;
    tokio::time::advance(ALL_TIMEOUTS).await;
    let (over, is_over) = tokio::sync::oneshot::channel();
    let (_running, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if stopped.recv_timeout(real_time) == Err(RecvTimeoutError::Timeout) {
            // The scenario may end at this moment and drop the receiver.
            let _ = over.send(());
        }
    });
    if is_over.await.is_err() {
        std::future::pending().await
    }
}

thread_local! {
    /// `Some` while a scenario runs on this thread: then the message and the place of its panic.
    static PANIC: RefCell<Option<Option<(String, String)>>> = const { RefCell::new(None) };
}

/// The text of a panic.
fn message(payload: &dyn std::any::Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Stores the message of a scenario's panic, which is an outcome here. Other threads print theirs.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = message(info.payload());
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let kept = PANIC.with(|panic| match &mut *panic.borrow_mut() {
                Some(kept) => {
                    *kept = Some((message, place));
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
        matches!(self.outcome, Outcome::Success) && self.left.is_none()
    }

    /// Whether the client returned an error of one of these kinds. The scenario returns it, or an
    /// assertion shows it in its message.
    pub(super) fn failed_with(&self, kinds: &[ErrorKind]) -> bool {
        let Outcome::Panic { message } = &self.outcome else {
            return matches!(&self.outcome, Outcome::Error(error) if kinds.contains(&error.kind()));
        };
        // The message of `assert!(….unwrap_err().is_not_found())` does not contain the error.
        let source = message.starts_with("assertion failed: ") && message.contains("unwrap_err()");
        let texts = kinds.iter().flat_map(|kind| texts(*kind));
        source || texts.into_iter().any(|text| message.contains(text))
    }

    /// Whether the text is in the outcome.
    pub(super) fn contains(&self, text: &str) -> bool {
        let outcome = match &self.outcome {
            Outcome::Error(error) => error.to_string().contains(text),
            Outcome::Panic { message } => message.contains(text),
            Outcome::Success | Outcome::Hang => false,
        };
        outcome || self.left.as_ref().is_some_and(|left| left.contains(text))
    }
}

/// The messages of errors of a kind.
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
            "no reply within",
            "no further data within",
            "no end of the call within",
        ],
        _ => &[],
    }
}
