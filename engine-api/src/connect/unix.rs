//! Unix sockets.

use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::connector::{BoxStream, Connecting, Connector, in_runtime};

/// Connects to a Unix socket.
#[derive(Debug, Clone)]
pub struct UnixConnector {
    path: PathBuf,
}

impl UnixConnector {
    /// A connector to the socket at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        Self { path }
    }
}

impl Connector for UnixConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let stream = UnixStream::connect(&self.path).await?;
            Ok(Box::new(stream) as BoxStream)
        })
    }

    fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    // The kernel reports a reset exactly when the other end closes with unread data in its queue.
    fn reset_means_unread(&self) -> bool {
        true
    }
}
