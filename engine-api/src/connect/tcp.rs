//! TCP, without TLS.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::address::Address;
use super::connector::{BoxStream, Connecting, Connector, in_runtime};
use super::proxy::HttpProxy;

/// The idle time of a connection after which the system sends keep-alive probes.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects to a host and port.
#[derive(Debug, Clone)]
pub struct TcpConnector {
    name: String,
    port: u16,
    base: String,
    /// `host:port` in the format of the `Host` header, with an IPv6 address in brackets.
    authority: String,
    proxy: Option<HttpProxy>,
}

/// An IPv6 address without its zone, which has a meaning only on this machine.
pub(super) fn without_zone(host: &str) -> &str {
    host.split_once('%').map_or(host, |(address, _)| address)
}

impl TcpConnector {
    /// A connector to `host`, a name or an IP address, and `port`. An IPv6 address may have a zone:
    /// `fe80::1%eth0`.
    pub fn new(host: &str, port: u16) -> Self {
        let plain = without_zone(host);
        let authority = if plain.contains(':') {
            format!("[{plain}]:{port}")
        } else {
            format!("{plain}:{port}")
        };
        Self {
            name: host.to_owned(),
            port,
            base: String::new(),
            authority,
            proxy: None,
        }
    }

    /// Adds the prefix `base` to every request path.
    pub fn with_base_path(mut self, base: &str) -> Self {
        self.base = base.trim_end_matches('/').to_owned();
        self
    }

    /// Connects through a proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<Option<HttpProxy>>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Opens the stream without a proxy or TLS.
    pub(super) async fn open(&self) -> io::Result<TcpStream> {
        let stream = match &self.proxy {
            Some(proxy) => proxy.tunnel(&self.authority).await?,
            None => TcpStream::connect((self.name.as_str(), self.port)).await?,
        };
        // A followed log can be idle for hours, and routers drop idle connections.
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        // A request is written in one piece, so a delay to collect more data has no benefit.
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
        let (host, base) = (self.name.clone(), self.base.clone());
        let port = self.port;
        Address::Tcp { host, port, base }.to_string()
    }

    fn base_path(&self) -> &str {
        &self.base
    }

    fn host(&self) -> &str {
        &self.authority
    }
}
