//! What a container writes, and its terminal.

use super::{AttachContainer, Containers, InspectContainer, ReadLogs, TerminalSize, checks};
use crate::client::Docker;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::{Duplex, Empty, Framed};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::{Announced, Hijacked, Output};

static LOGS: Operation<Framed> = Operation::get("ContainerLogs", "/containers/{id}/logs");
static ATTACH: Operation<Duplex> =
    Operation::post("ContainerAttach", "/containers/{id}/attach").success(&[101, 200]);
static RESIZE: Operation<Empty> = Operation::post("ContainerResize", "/containers/{id}/resize");

pub(super) static OPERATIONS: [&OperationInfo; 3] = [&LOGS.info, &ATTACH.info, &RESIZE.info];

/// The first version whose content type tells frames from a terminal's output.
const FRAMING_SAID: Version = Version::new(1, 42);

impl Containers<'_> {
    /// Reads what a container has written, and with `follow` what it goes on to write.
    pub async fn logs(&self, id: &str, options: ReadLogs) -> Result<Output> {
        let call = self
            .docker
            .call(&LOGS)
            .at(id)
            .query(options.query())
            .reject_if(checks::logs(&options));
        let output = call.send().await?;
        let terminal = is_terminal(self.docker, output.announced(), self.has_terminal(id)).await?;
        Ok(output.terminal(terminal))
    }

    /// Takes over a container's streams: its input if it was created with `open_stdin`, its output.
    ///
    /// Attach before the start to miss nothing. Of a container that has ended read the [`Containers::logs`]:
    /// attaching waits for its next start, and makes Podman forget its exit code.
    pub async fn attach(&self, id: &str, options: AttachContainer) -> Result<Hijacked> {
        let call = self
            .docker
            .call(&ATTACH)
            .at(id)
            .query(options.query())
            .reject_if(checks::attach(&options));
        let hijacked = call.send().await?;
        let terminal = is_terminal(self.docker, hijacked.output.announced(), self.has_terminal(id)).await?;
        Ok(hijacked.terminal(terminal))
    }

    /// Sets the size of a container's terminal.
    pub async fn resize(&self, id: &str, size: TerminalSize) -> Result<()> {
        self.docker.call(&RESIZE).at(id).query(size.query()).send().await
    }

    async fn has_terminal(&self, id: &str) -> Result<bool> {
        Ok(self.inspect(id, InspectContainer::default()).await?.config.tty)
    }
}

/// Whether output comes without frames. `ask` is awaited only where the content type does not say:
/// before API 1.42, and on what is or may be Podman, which sends one type for both (wire fact 63).
pub(crate) async fn is_terminal(
    docker: &Docker,
    announced: Announced,
    ask: impl Future<Output = Result<bool>>,
) -> Result<bool> {
    match announced {
        Announced::Frames => Ok(false),
        Announced::Raw if docker.version().await? >= FRAMING_SAID && docker.is_podman() == Some(false) => {
            Ok(true)
        }
        _ => ask.await,
    }
}
