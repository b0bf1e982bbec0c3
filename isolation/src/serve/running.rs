//! A running request, for the reader of the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::command::signal::Signal;
use crate::command::terminal::TerminalSize;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::WINDOW;
use crate::protocol::call::Call;

/// The maximum size of a window, in bytes.
const LARGEST_WINDOW: u32 = 64 << 20;

/// The maximum number of waiting signals and sizes.
const CONTROLS: usize = 64;

/// A running request.
#[derive(Debug)]
pub(super) struct Running {
    /// Dropping it cancels the request.
    _cancel: oneshot::Sender<()>,
    stream: Option<StreamHandle>,
    answered: Answered,
}

/// Whether the last answer to a request is sent. The client may then use its ID again, before the
/// task of the request has ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered(Arc<AtomicBool>);

impl Answered {
    /// The last answer follows.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A running stream.
#[derive(Debug)]
struct StreamHandle {
    window: Arc<Semaphore>,
    /// `None` for a log.
    controls: Option<mpsc::Sender<(u64, Control)>>,
    input: mpsc::UnboundedSender<Option<Bytes>>,
    outstanding: Arc<AtomicU32>,
}

/// A signal or a size for a running command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Control {
    Signal(Signal),
    Resize(TerminalSize),
}

/// The other side of a stream.
#[derive(Debug)]
pub(super) struct StreamSide {
    /// The bytes that may be sent.
    pub(super) window: Arc<Semaphore>,
    /// The size of the window.
    pub(super) size: usize,
    pub(super) controls: mpsc::Receiver<(u64, Control)>,
    /// The request of the control that is being handled.
    pub(super) handling: Option<u64>,
    pub(super) input: mpsc::UnboundedReceiver<Option<Bytes>>,
    /// The number of input bytes that were received but not passed on yet.
    pub(super) outstanding: Arc<AtomicU32>,
}

impl Running {
    /// A new request, and the sides of its task.
    pub(super) fn new(call: &Call) -> (Self, oneshot::Receiver<()>, Option<StreamSide>) {
        let (cancel, cancelled) = oneshot::channel();
        let (stream, side) = match window(call) {
            Some(window) => {
                let (mut handle, side) = StreamHandle::new(window.clamp(1, LARGEST_WINDOW));
                if matches!(call, Call::Logs(_)) {
                    handle.controls = None;
                }
                (Some(handle), Some(side))
            }
            None => (None, None),
        };
        let running = Self {
            _cancel: cancel,
            stream,
            answered: Answered::default(),
        };
        (running, cancelled, side)
    }

    /// The flag that its task sets.
    pub(super) fn answered(&self) -> Answered {
        self.answered.clone()
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.0.load(Ordering::Acquire)
    }

    /// Whether it is the request of the task with this.
    pub(super) fn is_of(&self, task: &Answered) -> bool {
        Arc::ptr_eq(&self.answered.0, &task.0)
    }

    /// Lets the stream send more.
    pub(super) fn more(&self, bytes: u32) {
        if let Some(stream) = &self.stream {
            let room =
                LARGEST_WINDOW as usize - stream.window.available_permits().min(LARGEST_WINDOW as usize);
            stream.window.add_permits(room.min(bytes as usize));
        }
    }

    /// Passes input on; `false` if the client has sent more than it may.
    pub(super) fn input(&self, bytes: Bytes) -> bool {
        let Some(stream) = &self.stream else { return true };
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let before = stream.outstanding.fetch_add(length, Ordering::AcqRel);
        // If the input of the command has ended, the bytes are dropped.
        let _ = stream.input.send(Some(bytes));
        before.saturating_add(length) <= WINDOW
    }

    pub(super) fn end_input(&self) {
        if let Some(stream) = &self.stream {
            let _ = stream.input.send(None);
        }
    }

    /// Passes a signal or a size on; `false` if the command has exited. It never waits, because the
    /// reader of the connection must continue.
    pub(super) fn control(&self, reply: u64, control: Control) -> Result<bool> {
        let Some(controls) = self.stream.as_ref().and_then(|stream| stream.controls.as_ref()) else {
            return Ok(false);
        };
        match controls.try_send((reply, control)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Closed(_)) => Ok(false),
            Err(TrySendError::Full(_)) => {
                let text = format!("{CONTROLS} signals wait for the command; send fewer");
                Err(Error::new(ErrorKind::Conflict, text))
            }
        }
    }
}

impl StreamHandle {
    fn new(window: u32) -> (Self, StreamSide) {
        let permits = Arc::new(Semaphore::new(window as usize));
        let (controls, received) = mpsc::channel(CONTROLS);
        let (input, fed) = mpsc::unbounded_channel();
        let outstanding = Arc::new(AtomicU32::new(0));
        let side = StreamSide {
            window: Arc::clone(&permits),
            size: window as usize,
            controls: received,
            handling: None,
            input: fed,
            outstanding: Arc::clone(&outstanding),
        };
        let handle = Self {
            window: permits,
            controls: Some(controls),
            input,
            outstanding,
        };
        (handle, side)
    }
}

/// The window of a call that is a stream.
fn window(call: &Call) -> Option<u32> {
    match call {
        Call::Exec(exec) => Some(exec.window),
        Call::StartAttached(attach) => Some(attach.window),
        Call::Logs(log) => Some(log.window),
        _ => None,
    }
}
