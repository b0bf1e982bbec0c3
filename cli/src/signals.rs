//! Signals that end a command: the first one starts cleanup, the second one exits at once.
//!
//! A thread of its own handles them, so that a command ends although its cleanup blocks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use isolation::Signal;
use tokio::sync::watch;

use crate::console::Console;
use crate::error::CliError;

/// How long the cleanup of an interrupted command may take. The reaper or `isolate gc` does the
/// rest.
const CLEANUP: Duration = Duration::from_secs(4);

/// The message if the cleanup was not completed.
const UNFINISHED: &str = "the cleanup is not complete; `isolate gc` removes what is left";

/// Reports the signals that this process gets.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Vec<u8>>);

/// Reports the second signal.
#[derive(Debug)]
pub(crate) struct SecondSignal(watch::Receiver<Vec<u8>>);

/// The exit code of a signal that interrupted the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted(pub(crate) u8);

impl Interrupted {
    /// The signal.
    pub(crate) fn signal(self) -> Option<Signal> {
        self.0.checked_sub(128)?.to_string().parse().ok()
    }
}

/// Handles signals from now on: they no longer end this process.
pub(crate) fn listen() -> Result<(Stop, SecondSignal), CliError> {
    let receiver = start(async |mut signals, sender| {
        loop {
            tokio::select! {
                code = signals.next() => sender.send_modify(|codes| codes.push(code)),
                () = sender.closed() => return,
            }
        }
    })?;
    Ok((Stop(receiver.clone()), SecondSignal(receiver)))
}

/// Awaits `work`. A signal drops it, and the exit code of the command is then that of the signal.
/// `left` says what is left then; it is empty for work that leaves nothing.
///
/// The process exits at the second signal, and if the cleanup takes longer than [`CLEANUP`].
pub(crate) async fn interruptible(
    console: Console,
    left: &str,
    work: impl Future<Output = Result<u8, CliError>>,
) -> Result<u8, CliError> {
    let (is_done, left) = (Arc::new(AtomicBool::new(false)), left.to_owned());
    let was_done = Arc::clone(&is_done);
    let interrupted = move || {
        // Now: the drop of the work may take long.
        if !left.is_empty() && !was_done.load(Ordering::Acquire) {
            console.note(&format!("interrupted: {left}"));
        }
    };
    let mut stop = exit_after(console, CLEANUP, interrupted)?;
    let outcome = stop.or(Box::pin(work)).await;
    is_done.store(true, Ordering::Release);
    match outcome {
        Ok(outcome) => outcome,
        Err(Interrupted(code)) => Ok(code),
    }
}

/// Awaits `work`, which handles the first signal itself.
///
/// The process exits at the second signal, and if the work takes longer than `limit` after the
/// first one.
pub(crate) async fn handled(
    console: Console,
    limit: Duration,
    work: impl AsyncFnOnce(Stop) -> Result<u8, CliError>,
) -> Result<u8, CliError> {
    let stop = exit_after(console, limit, || {})?;
    Box::pin(work(stop)).await
}

/// Handles the first signal, and exits at the second one or after `limit`.
fn exit_after(
    console: Console,
    limit: Duration,
    interrupted: impl FnOnce() + Send + 'static,
) -> Result<Stop, CliError> {
    let receiver = start(async move |mut signals, sender| {
        let code = signals.next().await;
        interrupted();
        sender.send_modify(|codes| codes.push(code));
        // In time, this process ends by itself.
        let _ = tokio::time::timeout(limit, signals.next()).await;
        console.note(UNFINISHED);
        std::process::exit(code.into());
    })?;
    Ok(Stop(receiver))
}

fn cannot_handle(error: &dyn std::error::Error) -> CliError {
    CliError::new("cannot handle signals").because(error)
}

/// Starts the thread that handles signals.
fn start<F>(handle: F) -> Result<watch::Receiver<Vec<u8>>, CliError>
where
    F: AsyncFnOnce(Signals, watch::Sender<Vec<u8>>) + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| cannot_handle(&error))?;
    let (sender, receiver) = watch::channel(Vec::new());
    let (ready, installed) = mpsc::channel();
    let thread = std::thread::Builder::new().name("signals".into());
    let thread = thread.spawn(move || {
        runtime.block_on(async move {
            match Signals::install() {
                Ok(signals) => {
                    // The other end waits for this.
                    let _ = ready.send(Ok(()));
                    handle(signals, sender).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
    });
    thread.map_err(|error| cannot_handle(&error))?;
    match installed.recv() {
        Ok(Ok(())) => Ok(receiver),
        Ok(Err(error)) => Err(cannot_handle(&error)),
        Err(ended) => Err(cannot_handle(&ended)),
    }
}

impl Stop {
    /// Waits for the first signal.
    pub(crate) async fn wait(&mut self) -> Interrupted {
        self.nth(0).await
    }

    /// Waits for the signal that comes after `n` others.
    pub(crate) async fn nth(&mut self, n: usize) -> Interrupted {
        Interrupted(nth(&mut self.0, n).await)
    }

    /// Awaits the work, or drops it at the first signal.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            interrupted = self.wait() => Err(interrupted),
            done = work => Ok(done),
        }
    }

    /// Fails if a signal came during work that must not be interrupted.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        match self.0.borrow().first() {
            Some(code) => Err(Interrupted(*code)),
            None => Ok(()),
        }
    }
}

impl SecondSignal {
    /// Waits for the second signal.
    pub(crate) async fn wait(mut self) -> u8 {
        nth(&mut self.0, 1).await
    }
}

/// Waits for the signal that comes after `n` others; returns its exit code.
async fn nth(receiver: &mut watch::Receiver<Vec<u8>>, n: usize) -> u8 {
    if let Ok(codes) = receiver.wait_for(|codes| codes.len() > n).await {
        return codes[n];
    }
    // The task that handles signals has ended, so no signal will arrive.
    std::future::pending().await
}

#[cfg(unix)]
use unix::Signals;
#[cfg(unix)]
pub(crate) use unix::UserSignals;

/// The commands of environments on this machine do not inherit that this process ignores a signal,
/// as one does that `nohup` or the `&` of a shell has started.
pub(crate) fn pass_on_none() -> Result<(), CliError> {
    #[cfg(unix)]
    unix::pass_on_none().map_err(|error| cannot_handle(&error))?;
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::OnceLock;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::cannot_handle;
    use crate::error::CliError;

    const HANGUP: u8 = 1;
    const INTERRUPT: u8 = 2;
    const QUIT: u8 = 3;
    const TERMINATE: u8 = 15;

    /// The signals by which users and systems end a program.
    pub(crate) struct Signals {
        hangup: Option<Signal>,
        interrupt: Option<Signal>,
        quit: Option<Signal>,
        terminate: Option<Signal>,
    }

    impl Signals {
        pub(crate) fn install() -> io::Result<Self> {
            let listen = |number: u8| listen(SignalKind::from_raw(number.into()));
            Ok(Self {
                hangup: listen(HANGUP)?,
                interrupt: listen(INTERRUPT)?,
                quit: listen(QUIT)?,
                terminate: listen(TERMINATE)?,
            })
        }

        /// Waits for the next signal; returns its exit code, as shells report it.
        pub(crate) async fn next(&mut self) -> u8 {
            let number = tokio::select! {
                () = received(&mut self.hangup) => HANGUP,
                () = received(&mut self.interrupt) => INTERRUPT,
                () = received(&mut self.quit) => QUIT,
                () = received(&mut self.terminate) => TERMINATE,
            };
            128 + number
        }
    }

    /// The signals that only a command handles.
    #[derive(Debug)]
    pub(crate) struct UserSignals {
        first: Option<Signal>,
        second: Option<Signal>,
    }

    impl UserSignals {
        /// Handles them from now on.
        pub(crate) fn listen() -> Result<Self, CliError> {
            let listen = |kind| listen(kind).map_err(|error| cannot_handle(&error));
            Ok(Self {
                first: listen(SignalKind::user_defined1())?,
                second: listen(SignalKind::user_defined2())?,
            })
        }

        /// Waits for the next signal. Dropping the future loses nothing.
        pub(crate) async fn next(&mut self) -> isolation::Signal {
            tokio::select! {
                () = received(&mut self.first) => isolation::Signal::User1,
                () = received(&mut self.second) => isolation::Signal::User2,
            }
        }
    }

    /// Listens for a signal, unless this process ignored it when it was started: `nohup` or the `&`
    /// of a shell does that. Then it stays ignored.
    fn listen(kind: SignalKind) -> io::Result<Option<Signal>> {
        match ignored() & (1 << (kind.as_raw_value() - 1)) {
            0 => signal(kind).map(Some),
            _ => Ok(None),
        }
    }

    async fn received(signal: &mut Option<Signal>) {
        if let Some(signal) = signal {
            if signal.recv().await.is_some() {
                return;
            }
        }
        std::future::pending().await
    }

    /// The signals that were ignored when this process was started, as a bit mask; 0 on systems
    /// without `/proc`.
    fn ignored() -> u64 {
        static AT_FIRST: OnceLock<u64> = OnceLock::new();
        *AT_FIRST.get_or_init(|| {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
                .unwrap_or(0)
        })
    }

    /// Commands that this process starts get the default of the signals that it ignores itself.
    pub(crate) fn pass_on_none() -> io::Result<()> {
        let kinds = [
            SignalKind::hangup(),
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::terminate(),
        ];
        for kind in kinds {
            if ignored() & (1 << (kind.as_raw_value() - 1)) != 0 {
                // A program inherits an ignored signal, but gets the default of a handled one.
                // Nothing happens here at a signal that is handled and not listened for.
                drop(signal(kind)?);
            }
        }
        Ok(())
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for Ctrl-C, the only signal on every system; returns its exit code.
    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}

/// There are no such signals on this system.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct UserSignals;

#[cfg(not(unix))]
impl UserSignals {
    pub(crate) fn listen() -> Result<Self, CliError> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_signal_stops_the_work_and_second_exits() {
        let (sender, receiver) = watch::channel(Vec::new());
        let (mut stop, second) = (Stop(receiver.clone()), SecondSignal(receiver));
        assert_eq!(stop.or(std::future::ready(7)).await, Ok(7));
        assert!(stop.check().is_ok());
        sender.send_modify(|codes| codes.push(143));
        assert_eq!(stop.or(std::future::ready(7)).await, Err(Interrupted(143)));
        assert_eq!(stop.check(), Err(Interrupted(143)));
        sender.send_modify(|codes| codes.push(130));
        assert_eq!(second.wait().await, 130);
    }

    #[test]
    fn exit_code_names_its_signal() {
        for (code, name) in [(129, "HUP"), (130, "INT"), (131, "QUIT"), (143, "TERM")] {
            assert_eq!(Interrupted(code).signal().map(Signal::name), Some(name));
        }
    }
}
