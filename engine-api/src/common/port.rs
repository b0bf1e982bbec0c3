//! Ports inside a container.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// A port inside a container, in the format of engines: `80/tcp`.
///
/// A number, or a string without a protocol, is a TCP port.
///
/// ```
/// use engine_api::common::{Port, PortProtocol};
///
/// assert_eq!(Port::from(80).as_str(), "80/tcp");
/// assert_eq!(Port::from((53, PortProtocol::Udp)), Port::from("53/udp"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(String);

impl Port {
    /// The port in the format of engines.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for Port {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

// Maps by port can be searched with `80/tcp`.
impl Borrow<str> for Port {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Port {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<u16> for Port {
    fn from(number: u16) -> Self {
        Self::from((number, PortProtocol::Tcp))
    }
}

impl From<(u16, PortProtocol)> for Port {
    fn from((number, protocol): (u16, PortProtocol)) -> Self {
        Self(format!("{number}/{protocol}"))
    }
}

impl From<String> for Port {
    fn from(port: String) -> Self {
        match port.split_once('/') {
            None if port.is_empty() => Self(port),
            None => Self(port + "/tcp"),
            // Engines reply in lower case.
            Some((number, protocol)) => Self(format!("{number}/{}", protocol.to_ascii_lowercase())),
        }
    }
}

impl From<&str> for Port {
    fn from(port: &str) -> Self {
        Self::from(port.to_owned())
    }
}

impl From<&Port> for Port {
    fn from(port: &Port) -> Self {
        port.clone()
    }
}

impl PartialEq<str> for Port {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&str> for Port {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// The protocol of a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PortProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// A protocol that this crate does not know.
    Other(String),
}

open_enum!(PortProtocol {
    Tcp = "tcp",
    Udp = "udp",
    Sctp = "sctp",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_a_protocol_is_tcp() {
        for port in [
            Port::from(80),
            "80".into(),
            "80/tcp".into(),
            "80".to_owned().into(),
        ] {
            assert_eq!(port, "80/tcp");
        }
        assert_eq!(Port::from("53/udp"), "53/udp");
        assert_eq!(Port::from("80/TCP"), "80/tcp");
        assert_eq!(Port::from("8000-8080"), "8000-8080/tcp");
    }

    #[test]
    fn a_port_is_compared_with_texts() {
        let port = Port::from(80);
        assert_eq!(port, *"80/tcp");
        assert_eq!(port, "80/tcp");
        let text: &str = port.as_ref();
        assert_eq!((text, port.len()), ("80/tcp", 6));
    }
}
