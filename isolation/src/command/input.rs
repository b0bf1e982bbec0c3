//! The standard input of a command.

use std::fmt;

use bytes::Bytes;

/// The standard input of a command.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Input {
    /// Empty: the command reads the end of input at once.
    #[default]
    Empty,
    /// These bytes, then the end of input.
    Bytes(Bytes),
    /// The bytes that the caller writes to [`Execution::take_stdin`](crate::Execution::take_stdin).
    Piped,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Piped => f.write_str("Piped"),
        }
    }
}
