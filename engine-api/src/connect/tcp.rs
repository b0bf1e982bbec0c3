//! TCP, without TLS.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::connector::{BoxStream, Connecting, Connector, in_runtime};

/// How long a connection may be silent before the system asks whether the other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects to a host and port.
#[derive(Debug, Clone)]
pub struct TcpConnector {
    name: String,
    port: u16,
    base: String,
    /// `host:port` as it stands in the `Host` header, an IPv6 address in brackets.
    authority: String,
}

impl TcpConnector {
    /// A connector to `host`, a name or an IP address, and `port`.
    pub fn new(host: &str, port: u16) -> Self {
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        Self {
            name: host.to_owned(),
            port,
            base: String::new(),
            authority,
        }
    }

    /// Puts `base` before every request path.
    pub fn with_base_path(mut self, base: &str) -> Self {
        self.base = base.trim_end_matches('/').to_owned();
        self
    }

    /// Opens the bare stream.
    pub(super) async fn open(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((self.name.as_str(), self.port)).await?;
        // A log that is followed can be silent for hours, and routers forget silent connections.
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        // A request is written in one piece and then waited for: nothing to gain from a delay.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Connector for TcpConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let stream = self.open().await?;
            Ok(Box::new(stream) as BoxStream)
        })
    }

    fn address(&self) -> String {
        format!("tcp://{}{}", self.authority, self.base)
    }

    fn base_path(&self) -> &str {
        &self.base
    }

    fn host(&self) -> &str {
        &self.authority
    }
}
