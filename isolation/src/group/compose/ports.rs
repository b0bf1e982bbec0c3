//! The published ports of a service.

use super::reading::Reading;
use super::yaml::{Node, Value};
use crate::spec::published_port::PublishedPort;

/// The maximum number of ports in a range.
const WIDEST: u16 = 256;

/// Reads `ports`, in both forms.
pub(super) fn read(reading: &mut Reading<'_>, node: &Node, path: &str) -> Vec<PublishedPort> {
    let Value::List(items) = &node.value else {
        reading.texts(node, path);
        return Vec::new();
    };
    let mut ports = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match &item.value {
            Value::Map(_) => ports.extend(long(reading, item, &path)),
            _ => match reading.text(item, &path).map(|text| short(&text)) {
                Some(Some(several)) => ports.extend(several),
                _ => {
                    let why = "a port is expected: 80, 8080:80, 127.0.0.1:8080:80 or 53:53/udp";
                    reading.fault(item.line, &path, why);
                }
            },
        }
    }
    ports
}

/// A port or a range: `[[ADDRESS:]HOST:]PORT[/PROTOCOL]`.
fn short(text: &str) -> Option<Vec<PublishedPort>> {
    if let Ok(one) = text.parse() {
        return Some(vec![one]);
    }
    let (ports, protocol) = text
        .split_once('/')
        .map_or((text, ""), |(ports, protocol)| (ports, protocol));
    let (host, inside) = match ports.rsplit_once(':') {
        Some((host, inside)) => (Some(host), inside),
        None => (None, ports),
    };
    let (address, host) = match host.map(|host| host.rsplit_once(':').map_or(("", host), |parts| parts)) {
        Some((address, host)) => (address, Some(host)),
        None => ("", None),
    };
    let (first, last) = range(inside)?;
    let host = match host {
        Some(host) => Some(range(host)?),
        None => None,
    };
    if host.is_some_and(|(from, to)| to - from != last - first) {
        return None;
    }
    let one = |at: u16| {
        let host = host
            .map(|(from, _)| format!("{}:", from + at))
            .unwrap_or_default();
        let address = if address.is_empty() {
            String::new()
        } else {
            format!("{address}:")
        };
        let protocol = if protocol.is_empty() {
            String::new()
        } else {
            format!("/{protocol}")
        };
        format!("{address}{host}{}{protocol}", first + at).parse().ok()
    };
    (0..=last - first).map(one).collect()
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last && last - first < WIDEST).then_some((first, last))
}

fn long(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<PublishedPort> {
    let (mut target, mut published, mut address, mut protocol) = (None, None, None, None);
    for entry in reading.map(node, path) {
        let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
        let number = |text: &str| text.parse::<u16>();
        match entry.key.as_str() {
            "target" => target = reading.parsed(value, &path, "a port", number),
            "published" => published = reading.parsed(value, &path, "one port, no range,", number),
            "host_ip" => address = reading.parsed(value, &path, "an IP address", str::parse),
            "protocol" => protocol = reading.parsed(value, &path, "tcp, udp or sctp", str::parse),
            "mode" | "name" | "app_protocol" => {}
            _ => reading.unsupported(entry.line, &path, ""),
        }
    }
    let Some(port) = target.filter(|port| *port > 0) else {
        reading.fault(node.line, path, "it has no target; name the port inside");
        return None;
    };
    Some(PublishedPort {
        port,
        protocol: protocol.unwrap_or_default(),
        host_port: published.filter(|port| *port > 0),
        address,
    })
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn short_form_may_be_a_range() {
        for (text, ports) in [
            ("80", Some(vec!["80"])),
            ("8080:80/udp", Some(vec!["8080:80/udp"])),
            ("3000-3002", Some(vec!["3000", "3001", "3002"])),
            ("9090-9091:80-81", Some(vec!["9090:80", "9091:81"])),
            (
                "127.0.0.1:5000-5001:80-81/udp",
                Some(vec!["127.0.0.1:5000:80/udp", "127.0.0.1:5001:81/udp"]),
            ),
            ("9090-9092:80-81", None),
            ("81-80", None),
            ("1-60000", None),
            ("x", None),
            ("0-2", None),
        ] {
            let read = short(text).map(|ports| ports.iter().map(ToString::to_string).collect::<Vec<_>>());
            let ports = ports.map(|ports| ports.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(read, ports, "{text}");
        }
    }
}
