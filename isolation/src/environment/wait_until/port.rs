//! Whether a program listens on a port.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Note, Pause};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::environment::endpoint::Endpoint;
use crate::environment::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::published_port::Protocol;

/// Timeout of a connection to a port.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A daemon's proxy accepts connections before the program listens, and closes them at once.
const CLOSED_AT_ONCE: Duration = Duration::from_millis(50);

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

impl Shared {
    /// Waits until a program listens on a port.
    pub(super) async fn listens(&self, port: u16, note: &Note) -> Result<()> {
        let mut pause = Pause::default();
        loop {
            let inside = self.listens_inside(port).await?;
            if inside == Some(false) {
                note.set(Some(format!("no program listens on port {port}")));
            } else {
                match self.endpoint_of(port).await? {
                    // It listens, and another machine can reach it.
                    Some(at) if inside == Some(true) && !at.reachable => return Ok(()),
                    Some(at) => match reach(&at, inside.is_none()).await {
                        Ok(()) => {
                            note.set(None);
                            return Ok(());
                        }
                        Err(why) if inside == Some(true) => note.set(Some(format!(
                            "port {port} is open inside, but cannot be reached at {at}: {why}"
                        ))),
                        Err(why) => note.set(Some(format!("port {port} at {at}: {why}"))),
                    },
                    None if self.publishes(port) => {
                        note.set(Some(format!("port {port} is not published yet")));
                    }
                    None if inside == Some(true) => return Ok(()),
                    None => {
                        let why = format!(
                            "port {port} cannot be looked at: it is not published, and the environment has no \
                             `cat` and /proc; publish it, or wait for something else"
                        );
                        return Err(Error::new(ErrorKind::Unsupported, why));
                    }
                }
            }
            pause.sleep().await;
        }
    }

    /// The address of a published TCP port; `None` if it is not published.
    pub(super) async fn endpoint_of(&self, port: u16) -> Result<Option<Endpoint>> {
        if !self.capabilities.has(Feature::NetworkIsolation) {
            return Ok(Some(Endpoint::new(port, Protocol::Tcp, "127.0.0.1", port)));
        }
        if self.instance.ports().is_none() {
            return Ok(None);
        }
        let is_it = |at: &Endpoint| at.port == port && at.protocol == Protocol::Tcp;
        Ok(self.endpoints_now().await?.into_iter().find(is_it))
    }

    /// Whether the specification publishes a TCP port.
    pub(super) fn publishes(&self, port: u16) -> bool {
        let mut ports = self.spec.network.ports.iter();
        ports.any(|one| one.port == port && one.protocol == Protocol::Tcp)
    }

    /// Whether a program listens on the port, as the kernel reports it; `None` if that cannot be
    /// read. This is exact, and does not connect to the program.
    async fn listens_inside(&self, port: u16) -> Result<Option<bool>> {
        let shares_network = !self.capabilities.has(Feature::NetworkIsolation);
        if shares_network || self.instance.exec().is_none() {
            return Ok(None);
        }
        let read = Command::new(["cat", "/proc/net/tcp", "/proc/net/tcp6"]);
        let output = self.begin_command(&read).await?.output().await?;
        let table = String::from_utf8_lossy(&output.stdout);
        Ok((!table.is_empty()).then(|| has_listener(&table, port)))
    }
}

/// Whether a table of `/proc/net/tcp` has a listening socket with this port.
fn has_listener(table: &str, port: u16) -> bool {
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|address| address.rsplit_once(':'));
        let state = fields.nth(1);
        let number = local.and_then(|(_, hex)| u16::from_str_radix(hex, 16).ok());
        number == Some(port) && state == Some(LISTEN)
    })
}

/// Whether the port accepts a connection.
async fn reach(at: &Endpoint, through_proxy: bool) -> std::result::Result<(), String> {
    let connect = TcpStream::connect((at.host.as_str(), at.host_port));
    let mut stream = match timeout(CONNECT_TIMEOUT, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("no reply to a connection".to_owned()),
    };
    if !through_proxy {
        return Ok(());
    }
    match timeout(CLOSED_AT_ONCE, stream.read(&mut [0])).await {
        Ok(Ok(0)) => Err("a connection is closed at once".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n\
            1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n\
            0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000\n";
        assert!(has_listener(table, 8080) && has_listener(table, 5432));
        // A connection to port 80 is not a listener, nor is the header.
        assert!(!has_listener(table, 80) && !has_listener(table, 50000) && !has_listener("", 1));
    }

    #[tokio::test]
    async fn proxy_that_closes_at_once_is_not_ready() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = Endpoint::new(80, Protocol::Tcp, "127.0.0.1", port);
        let closing = tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            listener
        });
        assert!(reach(&at, true).await.unwrap_err().contains("closed"));
        let listener = closing.await.unwrap();
        let held = tokio::spawn(async move { listener.accept().await.unwrap() });
        assert_eq!(reach(&at, true).await, Ok(()));
        held.await.unwrap();
    }
}
