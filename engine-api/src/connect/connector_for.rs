//! The connector for an address, if this build has one.

use super::address::Address;
use super::connector::Connector;
use super::proxy::HttpProxy;
use super::tcp::TcpConnector;
use crate::error::{Cause, Error, Result};

impl Address {
    /// The connector for this address.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Unsupported`] where this build or platform cannot connect.
    pub fn connector(&self) -> Result<Box<dyn Connector>> {
        self.connector_through(None)
    }

    /// The connector for this address; on TCP, it may use a proxy.
    pub(super) fn connector_through(&self, proxy: Option<HttpProxy>) -> Result<Box<dyn Connector>> {
        let missing = |what: &str, hint: &str| {
            Err(Error::local(Cause::Unsupported(format!(
                "{self} needs {what}, which this build does not support; {hint}"
            ))))
        };
        match self {
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(super::unix::UnixConnector::new(path))),
            #[cfg(not(unix))]
            Self::Unix(_) => missing("Unix sockets", "use tcp://"),
            Self::Tcp { host, port, base } => {
                let connector = TcpConnector::new(host, *port).with_base_path(base);
                Ok(Box::new(connector.with_proxy(proxy)))
            }
            #[cfg(feature = "tls")]
            Self::Tls { host, port, base } => {
                let connector =
                    super::tls::TlsConnector::new(host, *port, &super::tls::TlsConfig::default())?;
                Ok(Box::new(connector.with_base_path(base).with_proxy(proxy)))
            }
            #[cfg(not(feature = "tls"))]
            Self::Tls { .. } => missing(
                "the feature `tls`",
                "use a Unix socket, or ssh to the engine's host",
            ),
            #[cfg(feature = "ssh")]
            Self::Ssh {
                user,
                host,
                port,
                path,
            } => {
                let mut connector = super::ssh::SshConnector::new(host)?;
                if let Some(user) = user {
                    connector = connector.user(user)?;
                }
                if let Some(port) = port {
                    connector = connector.port(*port);
                }
                Ok(Box::new(connector.socket(path)?))
            }
            #[cfg(not(feature = "ssh"))]
            Self::Ssh { .. } => missing(
                "the feature `ssh`",
                "forward the socket: ssh -L /tmp/d.sock:/var/run/docker.sock",
            ),
            #[cfg(windows)]
            Self::NamedPipe { host, name } => {
                let path = format!("//{host}/pipe/{name}");
                Ok(Box::new(super::npipe::NamedPipeConnector::new(&path)))
            }
            #[cfg(not(windows))]
            Self::NamedPipe { .. } => missing("named pipes", "let the engine listen on tcp://"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_feature_is_named_in_the_error() {
        for (text, what, there) in [
            ("https://h:2376", "tls", cfg!(feature = "tls")),
            ("ssh://h", "ssh", cfg!(feature = "ssh")),
            ("npipe:////./pipe/x", "named pipes", cfg!(windows)),
        ] {
            match text.parse::<Address>().unwrap().connector() {
                Ok(_) => assert!(there, "{text}"),
                Err(error) => {
                    assert!(!there, "{error}");
                    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
                    assert!(error.to_string().contains(what), "{error}");
                }
            }
        }
    }
}
