//! Signals that end the work: the first one in good order, the second one at once.

use tokio::sync::watch;

use crate::error::CliError;

/// Tells the work that it should end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Vec<u8>>);

/// Waits for the user to lose patience.
#[derive(Debug)]
pub(crate) struct Again(watch::Receiver<Vec<u8>>);

/// The work was interrupted; the exit code of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted(pub(crate) u8);

/// Listens to signals from now on: they no longer end this process.
pub(crate) fn listen() -> Result<(Stop, Again), CliError> {
    let mut signals =
        Signals::install().map_err(|error| CliError::new("cannot listen to signals").because(&error))?;
    let (tell, told) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while !tell.is_closed() {
            let code = signals.next().await;
            tell.send_modify(|codes| codes.push(code));
        }
    });
    Ok((Stop(told.clone()), Again(told)))
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

    /// Does the work, or gives it up when a signal comes.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            interrupted = self.wait() => Err(interrupted),
            done = work => Ok(done),
        }
    }

    /// Whether a signal came while something was done that must not be given up half-way.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        match self.0.borrow().first() {
            Some(code) => Err(Interrupted(*code)),
            None => Ok(()),
        }
    }
}

impl Again {
    /// Waits for the second signal.
    pub(crate) async fn wait(mut self) -> u8 {
        nth(&mut self.0, 1).await
    }
}

/// The code of the signal that comes after `n` others, once it has come.
async fn nth(told: &mut watch::Receiver<Vec<u8>>, n: usize) -> u8 {
    if let Ok(codes) = told.wait_for(|codes| codes.len() > n).await {
        return codes[n];
    }
    // Nobody listens to signals any more, so none will come.
    std::future::pending().await
}

#[cfg(unix)]
use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    const HANGUP: u8 = 1;
    const INTERRUPT: u8 = 2;
    const TERMINATE: u8 = 15;

    /// The signals by which users and systems end a program.
    pub(crate) struct Signals {
        hangup: Option<Signal>,
        interrupt: Option<Signal>,
        terminate: Option<Signal>,
    }

    impl Signals {
        pub(crate) fn install() -> io::Result<Self> {
            let ignored = ignored();
            let listen = |number: u8| match ignored & (1 << (number - 1)) {
                0 => signal(SignalKind::from_raw(number.into())).map(Some),
                // Whoever started us (`nohup`, a shell's `&`) wants it ignored; it stays so.
                _ => Ok(None),
            };
            Ok(Self {
                hangup: listen(HANGUP)?,
                interrupt: listen(INTERRUPT)?,
                terminate: listen(TERMINATE)?,
            })
        }

        /// The exit code, as shells tell it, for the next signal.
        pub(crate) async fn next(&mut self) -> u8 {
            let number = tokio::select! {
                () = came(&mut self.hangup) => HANGUP,
                () = came(&mut self.interrupt) => INTERRUPT,
                () = came(&mut self.terminate) => TERMINATE,
            };
            128 + number
        }
    }

    async fn came(signal: &mut Option<Signal>) {
        if let Some(signal) = signal {
            if signal.recv().await.is_some() {
                return;
            }
        }
        std::future::pending().await
    }

    /// The signals that were ignored when this process started, where the system tells.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Only Ctrl-C is common to all systems.
    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_stops_the_work_and_the_second_the_waiting() {
        let (tell, told) = watch::channel(Vec::new());
        let (mut stop, again) = (Stop(told.clone()), Again(told));
        assert_eq!(stop.or(std::future::ready(7)).await, Ok(7));
        assert!(stop.check().is_ok());
        tell.send_modify(|codes| codes.push(143));
        assert_eq!(stop.or(std::future::ready(7)).await, Err(Interrupted(143)));
        assert_eq!(stop.check(), Err(Interrupted(143)));
        tell.send_modify(|codes| codes.push(130));
        assert_eq!(again.wait().await, 130);
    }
}
