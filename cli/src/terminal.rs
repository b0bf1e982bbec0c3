//! The terminal of this process: its size, and its raw mode, in which every key reaches a command.

use std::io::IsTerminal;

use isolation::TerminalSize;

use crate::error::CliError;

/// Whether standard input is a terminal.
pub(crate) fn is_input() -> bool {
    std::io::stdin().is_terminal()
}

pub(crate) use system::{Hidden, RawMode, Resizes, size};

#[cfg(unix)]
mod system {
    use std::io::{stdin, stdout};

    use rustix::termios::{
        LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr,
    };
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{CliError, TerminalSize};

    /// The size of the terminal on standard output, or of the terminal on standard input.
    pub(crate) fn size() -> Option<TerminalSize> {
        let known = |size: &Winsize| size.ws_row > 0 && size.ws_col > 0;
        let sizes = [tcgetwinsize(stdout()), tcgetwinsize(stdin())];
        let size = sizes.into_iter().flatten().find(known)?;
        Some(TerminalSize {
            rows: size.ws_row,
            columns: size.ws_col,
        })
    }

    /// The raw mode of the terminal on standard input. Dropping it restores the former mode, also
    /// after an error, a signal that is handled, and a panic.
    pub(crate) struct RawMode {
        former: Termios,
    }

    impl RawMode {
        pub(crate) fn enter() -> Result<Self, CliError> {
            let failed = |error: rustix::io::Errno| {
                CliError::new("cannot change the mode of the terminal").because(&error)
            };
            let former = tcgetattr(stdin()).map_err(failed)?;
            let mut raw = former.clone();
            raw.make_raw();
            let entered = Self { former };
            tcsetattr(stdin(), OptionalActions::Now, &raw).map_err(failed)?;
            Ok(entered)
        }
    }

    /// The terminal on standard input without echo, for a password. Dropping it restores the former
    /// mode, and ends the line.
    pub(crate) struct Hidden {
        _restored: RawMode,
    }

    impl Hidden {
        pub(crate) fn enter() -> Result<Self, CliError> {
            let failed = |error: rustix::io::Errno| {
                CliError::new("cannot change the mode of the terminal").because(&error)
            };
            let former = tcgetattr(stdin()).map_err(failed)?;
            let mut hidden = former.clone();
            hidden.local_modes -= LocalModes::ECHO;
            hidden.local_modes |= LocalModes::ECHONL;
            let entered = Self {
                _restored: RawMode { former },
            };
            tcsetattr(stdin(), OptionalActions::Now, &hidden).map_err(failed)?;
            Ok(entered)
        }
    }

    impl Drop for RawMode {
        fn drop(&mut self) {
            // The terminal may be closed; then there is nothing to restore.
            let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.former);
        }
    }

    /// The changes of the terminal's size.
    pub(crate) struct Resizes(Signal);

    impl Resizes {
        pub(crate) fn listen() -> Result<Self, CliError> {
            let listening = signal(SignalKind::window_change());
            let failed = |error| CliError::new("cannot handle signals").because(&error);
            listening.map(Self).map_err(failed)
        }

        /// Waits for the next change of the size.
        pub(crate) async fn next(&mut self) -> TerminalSize {
            loop {
                if self.0.recv().await.is_none() {
                    return std::future::pending().await;
                }
                if let Some(size) = size() {
                    return size;
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{CliError, TerminalSize};

    pub(crate) fn size() -> Option<TerminalSize> {
        None
    }

    /// Only Unix systems have this mode.
    pub(crate) struct RawMode(());

    impl RawMode {
        pub(crate) fn enter() -> Result<Self, CliError> {
            let error = CliError::new("a command on this terminal needs a Unix system");
            Err(error.hint("omit -t, or -i"))
        }
    }

    /// As [`RawMode`].
    pub(crate) struct Hidden(());

    impl Hidden {
        pub(crate) fn enter() -> Result<Self, CliError> {
            let error = CliError::new("a password on this terminal needs a Unix system");
            Err(error.hint("write it to standard input"))
        }
    }

    pub(crate) struct Resizes(());

    impl Resizes {
        pub(crate) fn listen() -> Result<Self, CliError> {
            Ok(Self(()))
        }

        pub(crate) async fn next(&mut self) -> TerminalSize {
            std::future::pending().await
        }
    }
}
