//! A command that the other program runs.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, DuplexStream, sink};
use tokio::sync::Semaphore;

use super::peer::{Peer, Streaming};
use super::pending::{Item, read_result, unexpected};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::{Chunk, Execution, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::input::Input;
use crate::command::signal::Signal;
use crate::command::stdin::Stdin;
use crate::command::terminal::TerminalSize;
use crate::error::Result;
use crate::protocol::PIECE;
use crate::protocol::answer::{Done, Ended};
use crate::protocol::call::{Call, OfRequest};
use crate::protocol::data::Data;
use crate::protocol::params::{self, Resize, SendSignal};

/// The maximum number of input bytes that are sent with the command.
const WITH_COMMAND: usize = 64 << 10;

/// The sent form of the command. This process handles the timeout, and sends long input in pieces.
pub(super) fn outgoing(command: &Command) -> Command {
    let input = match &command.input {
        Input::Bytes(bytes) if bytes.len() > WITH_COMMAND => Input::Piped,
        input => input.clone(),
    };
    Command {
        input,
        timeout: None,
        ..command.clone()
    }
}

/// Starts a command, or a main process with its output. `sent` is the input in the request.
pub(super) async fn start(
    peer: &Arc<Peer>,
    call: Call,
    command: &Command,
    sent: &Input,
) -> Result<Execution> {
    let mut stream = peer.stream(call)?;
    stream.started().await?;
    let stdin = match sent {
        Input::Empty => None,
        // The input was already sent with the request.
        Input::Bytes(_) => Some(Stdin::new(sink())),
        Input::Piped => {
            let (ours, theirs) = tokio::io::duplex(PIECE);
            let (peer, id, credit) = (Arc::clone(peer), stream.id, Arc::clone(&stream.credit));
            stream.peer.runtime().spawn(pass_on(theirs, peer, id, credit));
            Some(Stdin::new(ours))
        }
    };
    let process = RemoteProcess { stream, exit: None };
    Ok(Execution::new(Box::new(process), stdin, command))
}

/// Sends the input of a command, as fast as the other program accepts it.
async fn pass_on(mut from: DuplexStream, peer: Arc<Peer>, request: u64, credit: Arc<Semaphore>) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            read = from.read(&mut piece) => read,
            // The command has ended.
            () = closed(&credit) => return,
        };
        let Ok(count @ 1..) = read else { break };
        let Ok(room) = credit
            .acquire_many(u32::try_from(count).unwrap_or(u32::MAX))
            .await
        else {
            return;
        };
        room.forget();
        let data = Data::of(&piece[..count]);
        if peer.note(Call::Input(params::Input { request, data })).is_err() {
            return;
        }
    }
    // If the program has exited, the command has ended, too.
    let _ = peer.note(Call::EndInput(OfRequest { request }));
}

async fn closed(credit: &Semaphore) {
    // More permits than ever exist: this waits until the semaphore is closed.
    drop(credit.acquire_many(u32::MAX).await);
}

/// A command that the other program runs.
struct RemoteProcess {
    stream: Streaming,
    exit: Option<ExitStatus>,
}

impl RemoteProcess {
    async fn control(&self, call: Call) -> Result<()> {
        match self.exit {
            Some(_) => Ok(()),
            None => self.stream.peer.request::<Done>(call).await.map(drop),
        }
    }

    /// The next piece of output; `None` after the exit, whose status is then known.
    async fn advance(&mut self) -> Result<Option<Chunk>> {
        if self.exit.is_some() {
            return Ok(None);
        }
        match self.stream.next().await {
            Item::Output(chunk) => {
                let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = &chunk;
                self.stream.read(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
                Ok(Some(chunk))
            }
            Item::End(end) => {
                self.exit = Some(read_result::<Ended>(self.stream.id, end?)?.exit);
                Ok(None)
            }
            item => Err(unexpected(&item)),
        }
    }
}

impl RunningProcess for RemoteProcess {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(self.advance())
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async move {
            while self.advance().await?.is_some() {}
            self.exit
                .ok_or_else(|| self.stream.peer.ended_with("the command"))
        })
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        let request = self.stream.id;
        Box::pin(self.control(Call::Signal(SendSignal { request, signal })))
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        let request = self.stream.id;
        Box::pin(self.control(Call::Resize(Resize { request, size })))
    }
}
