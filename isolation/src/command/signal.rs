//! Signals for running commands.

/// A signal for a running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal was closed.
    Hangup,
    /// `SIGINT`: Ctrl-C.
    Interrupt,
    /// `SIGQUIT`: Ctrl-\.
    Quit,
    /// `SIGTERM`: a request to end.
    Terminate,
    /// `SIGKILL`: kills the process.
    Kill,
    /// `SIGUSR1`: defined by the program.
    User1,
    /// `SIGUSR2`: defined by the program.
    User2,
}

impl Signal {
    /// The name for `kill -s`, such as `TERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::User1 => "USR1",
            Self::User2 => "USR2",
        }
    }
}
