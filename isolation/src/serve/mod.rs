//! Offers engines to another program, which may be written in any language.
//!
//! - [`connection`] reads requests and notes, and starts a task for each request.
//! - [`session`] contains the manager and the environments of the connection.
//! - [`calls`] handles requests; [`stream`] sends output, logs and events.
//! - [`answers`] writes answers.

mod answers;
mod calls;
mod connection;
mod environments;
mod packages;
mod points;
mod running;
mod session;
#[cfg(unix)]
mod snapshots;
mod states;
mod stream;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::answers::{Answers, write};
use self::connection::Connection;
use crate::error::Result;
use crate::manager::options::ManagerOptions;
use crate::manager::registry::Registry;
use crate::protocol::line::Lines;

/// The timeout of the last answers: the client may no longer read.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The options of [`serve`](fn@crate::serve).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServeOptions {
    /// The only engine that is offered. Without it, all engines of the registry are offered, and a
    /// creation that names no engine gets the first suitable one.
    pub engine: Option<String>,
    /// The options of the manager. A client that keeps the journal itself, as
    /// [`external`](crate::engines::external) does, needs none here.
    pub manager: ManagerOptions,
}

/// Offers the engines of a registry to the program at the other end of `input` and `output`, until
/// the input ends. Then its environments are destroyed, unless they are kept. This also happens if
/// the other program is killed.
///
/// `PROTOCOL.md` describes the messages.
///
/// # Errors
///
/// When the engine of the options is unknown, the other program violates the protocol, or an
/// environment cannot be destroyed at the end.
pub async fn serve(
    registry: Registry,
    options: ServeOptions,
    input: impl AsyncRead + Send + Unpin,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<()> {
    let (answers, queue) = Answers::new();
    let mut writing = tokio::spawn(write(output, queue));
    let mut connection = Connection::new(registry, options, answers)?;
    let mut lines = Lines::new(input);
    let read = tokio::select! {
        read = connection.read(&mut lines) => read,
        // Without a reader of the answers, nothing more can be done for it.
        _ = &mut writing => Ok(()),
    };
    let ended = connection.end().await;
    if !writing.is_finished() && timeout(LAST_ANSWERS, &mut writing).await.is_err() {
        writing.abort();
    }
    read.and(ended)
}

#[cfg(test)]
mod tests;
