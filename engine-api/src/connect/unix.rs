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
    /// A connector to the socket at `path`. On Linux, a path that begins with `@` is the name of an
    /// abstract socket.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        Self { path }
    }

    /// The name of an abstract socket in the format of Tokio, with a zero byte at the start.
    fn abstract_name(&self) -> Option<PathBuf> {
        let name = self.path.to_str().filter(|_| cfg!(target_os = "linux"))?;
        Some(format!("\0{}", name.strip_prefix('@')?).into())
    }
}

impl Connector for UnixConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let stream = match self.abstract_name() {
                Some(name) => UnixStream::connect(name).await?,
                None => UnixStream::connect(&self.path).await?,
            };
            Ok(Box::new(stream) as BoxStream)
        })
    }

    fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    // The kernel reports a reset only if the other end closes with unread data in its queue.
    fn reset_means_unread(&self) -> bool {
        true
    }
}
