//! The two directions of one connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::command::execution::{Chunk, Execution};
use crate::command::stdin::Stdin;
use crate::error::Result;

/// The size of one read.
const PIECE: usize = 64 * 1024;

/// Copies in both directions until both have ended: to the input of a command, and from the output
/// of one.
pub(super) async fn pipe(stream: TcpStream, stdin: Stdin, output: &mut Execution) -> Result<()> {
    // Small messages, such as those of databases, are sent at once.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let ((), ended) = tokio::join!(send(read, stdin), receive(write, output));
    ended
}

/// From the connection to the command.
async fn send(mut from: OwnedReadHalf, mut to: Stdin) {
    let mut piece = vec![0; PIECE];
    // After an error, the input of the command ends like after a regular end.
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        if to.write_all(&piece[..count]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.finish().await;
}

/// From the command to the connection.
async fn receive(mut to: OwnedWriteHalf, output: &mut Execution) -> Result<()> {
    while let Some(chunk) = output.next().await? {
        if let Chunk::Stdout(bytes) = chunk {
            // If the other end is closed, further output is read and dropped, so that the command
            // exits.
            let _ = to.write_all(&bytes).await;
        }
    }
    // The other end may be closed.
    let _ = to.shutdown().await;
    Ok(())
}
