//! Published ports of an environment.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::short::short;

/// A port of the environment that can be reached from outside.
///
/// ```
/// use isolation::PublishedPort;
///
/// assert_eq!(PublishedPort::from(80), "80".parse()?);
/// let dns: PublishedPort = "127.0.0.1:5353:53/udp".parse()?;
/// assert_eq!((dns.port, dns.host_port), (53, Some(5353)));
/// # isolation::Result::Ok(())
/// ```
///
/// In JSON it is a number, or a text in this form: `[[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublishedPort {
    /// The port inside the environment.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port of the host; `None` lets the engine choose a free one.
    pub host_port: Option<u16>,
    /// The address of the host. `None` is the loopback address if the engine runs on this machine.
    /// Otherwise it is every address of the engine's machine, because the loopback address of
    /// another machine cannot be reached.
    pub address: Option<IpAddr>,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Tcp, Self::Udp, Self::Sctp];
        let found = all
            .into_iter()
            .find(|protocol| text.eq_ignore_ascii_case(protocol.as_str()));
        found.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not a protocol of ports; use tcp, udp or sctp",
                text = short(text)
            ))
        })
    }
}

impl PublishedPort {
    /// Parses the form of `docker run --publish`, also with ranges of ports: `8000-8002:80-82` is
    /// three ports. Both ranges must be equally long.
    ///
    /// ```
    /// use isolation::PublishedPort;
    ///
    /// let ports = PublishedPort::parse_range("127.0.0.1:8000-8001:80-81")?;
    /// assert_eq!(ports[1], "127.0.0.1:8001:81".parse()?);
    /// # isolation::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// The kind is [`InvalidInput`](crate::ErrorKind::InvalidInput); a range has at most 256 ports.
    pub fn parse_range(text: &str) -> Result<Vec<Self>> {
        let (ports, protocol) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (host, inside) = ports.split_at(ports.rfind(':').map_or(0, |colon| colon + 1));
        let host = host.strip_suffix(':').unwrap_or(host);
        let (address, host_numbers) = host.split_at(host.rfind(':').map_or(0, |colon| colon + 1));
        if !inside.contains('-') && !host_numbers.contains('-') {
            return Ok(vec![text.parse()?]);
        }
        let invalid = |why: &str| {
            Error::invalid(format!(
                "{text:?} is not a range of ports: {why}",
                text = short(text)
            ))
        };
        let range = |text: &str| range(text).ok_or_else(|| invalid("write FIRST-LAST, at most 256 ports"));
        let inside = range(inside)?;
        let host = match host_numbers {
            "" if ports.starts_with(':') => return Err(invalid("the port of the host is blank")),
            "" => None,
            numbers => Some(range(numbers)?),
        };
        if host.is_some_and(|host| host.1 - host.0 != inside.1 - inside.0) {
            return Err(invalid("both ranges must be equally long"));
        }
        let one = |at: u16| {
            let host = match host {
                Some((first, _)) => format!("{}:", first + at),
                // Without a port of the host, an address is followed by two colons.
                None if address.is_empty() => String::new(),
                None => ":".to_owned(),
            };
            format!("{address}{host}{}{protocol}", inside.0 + at).parse()
        };
        (0..=inside.1 - inside.0).map(one).collect()
    }
}

/// `FIRST-LAST`, or one port.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last && last - first < WIDEST).then_some((first, last))
}

impl From<u16> for PublishedPort {
    /// A TCP port; the engine chooses the port of the host.
    fn from(port: u16) -> Self {
        Self {
            port,
            protocol: Protocol::Tcp,
            host_port: None,
            address: None,
        }
    }
}

/// The maximum number of ports in a range.
const WIDEST: u16 = 256;

/// The required form of a text.
const FORM: &str =
    "write [[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL], such as 80, 8080:80 or 127.0.0.1:5353:53/udp";

impl FromStr for PublishedPort {
    type Err = Error;

    /// Parses the form of `docker run --publish`, for a single port.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::invalid(format!(
                "{text:?} is not a port to publish: {why}; {FORM}",
                text = short(text)
            ))
        };
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, protocol)) => (ports, protocol.parse()?),
            None => (text, Protocol::Tcp),
        };
        let number = |digits: &str| match digits.parse::<u16>() {
            Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
            _ if digits.contains('-') => Err(invalid("a range is several ports, name each")),
            _ => Err(invalid("a port is a number from 1 to 65535")),
        };
        let (host, inside) = match ports.rsplit_once(':') {
            Some((host, inside)) => (Some(host), inside),
            None => (None, ports),
        };
        let (address, host_port) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
            None => ("", ""),
            Some(("", "")) => return Err(invalid("the port of the host is blank")),
            Some(parts) => parts,
        };
        let address = match address.trim_start_matches('[').trim_end_matches(']') {
            "" => None,
            ip => Some(
                ip.parse()
                    .map_err(|_| invalid("the address is not an IP address"))?,
            ),
        };
        let host_port = match host_port {
            "" | "0" => None,
            digits => Some(number(digits)?),
        };
        Ok(Self {
            port: number(inside)?,
            protocol,
            host_port,
            address,
        })
    }
}

impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(ip) => write!(f, "{ip}:")?,
            None => {}
        }
        match self.host_port {
            Some(port) => write!(f, "{port}:")?,
            None if self.address.is_some() => f.write_str(":")?,
            None => {}
        }
        write!(f, "{}", self.port)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            protocol => write!(f, "/{protocol}"),
        }
    }
}

impl Serialize for PublishedPort {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublishedPort {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum NumberOrText {
            Number(u32),
            Text(String),
        }
        let text = match NumberOrText::deserialize(from)? {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_port_round_trips() {
        for (text, canonical) in [
            ("80", "80"),
            ("80/TCP", "80"),
            ("53/udp", "53/udp"),
            ("8080:80", "8080:80"),
            ("0:80", "80"),
            ("127.0.0.1:8080:80", "127.0.0.1:8080:80"),
            ("127.0.0.1::80", "127.0.0.1::80"),
            ("[::1]:8080:80/sctp", "[::1]:8080:80/sctp"),
            ("[::1]::80", "[::1]::80"),
            ("0.0.0.0::80", "0.0.0.0::80"),
        ] {
            let port: PublishedPort = text.parse().unwrap();
            assert_eq!(port.to_string(), canonical, "{text}");
            assert_eq!(canonical.parse::<PublishedPort>().unwrap(), port, "{text}");
            let json = serde_json::to_string(&port).unwrap();
            assert_eq!(
                serde_json::from_str::<PublishedPort>(&json).unwrap(),
                port,
                "{text}"
            );
        }
        assert_eq!(
            serde_json::from_str::<PublishedPort>("80").unwrap(),
            PublishedPort::from(80)
        );
    }

    #[test]
    fn range_is_several_ports() {
        for (text, ports) in [
            ("80", Some(vec!["80"])),
            ("8080:80/udp", Some(vec!["8080:80/udp"])),
            ("[::1]:8080:80", Some(vec!["[::1]:8080:80"])),
            ("[::1]::80-81", Some(vec!["[::1]::80", "[::1]::81"])),
            ("3000-3002", Some(vec!["3000", "3001", "3002"])),
            ("9090-9091:80-81", Some(vec!["9090:80", "9091:81"])),
            (
                "127.0.0.1:5000-5001:80-81/udp",
                Some(vec!["127.0.0.1:5000:80/udp", "127.0.0.1:5001:81/udp"]),
            ),
            ("9090-9092:80-81", None),
            ("9090-9092:80", None),
            (":80-81", None),
            ("81-80", None),
            ("1-60000", None),
            ("80-", None),
            ("-", None),
            ("x", None),
            ("0-2", None),
            ("65535-65536", None),
        ] {
            let read = PublishedPort::parse_range(text);
            let read = read.map(|ports| ports.iter().map(ToString::to_string).collect::<Vec<_>>());
            let ports = ports.map(|ports| ports.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(read.ok(), ports, "{text}");
        }
    }

    #[test]
    fn invalid_port_names_the_form() {
        for text in [
            "",
            "0",
            "65536",
            "-1",
            "+80",
            "80/http",
            "a:80",
            ":80",
            "80:",
            "localhost:80:80",
            "1.2.3:80:80",
            "8000-8010:8000-8010",
            "::",
            "80 ",
        ] {
            let error = text.parse::<PublishedPort>().unwrap_err().to_string();
            assert!(
                error.contains("use tcp") || error.contains(FORM),
                "{text}: {error}"
            );
        }
        for json in ["0", "65536", "-1", "1.5", "true", "\"x\""] {
            serde_json::from_str::<PublishedPort>(json).unwrap_err();
        }
    }
}
