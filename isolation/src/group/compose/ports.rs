//! The published ports of a service.

use super::reading::Reading;
use super::yaml::{Node, Value};
use crate::spec::published_port::PublishedPort;

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
            _ => match reading
                .text(item, &path)
                .map(|text| PublishedPort::parse_range(&text))
            {
                Some(Ok(several)) => ports.extend(several),
                _ => {
                    let why = "a port is expected: 80, 8080:80, 127.0.0.1:8080:80 or 53:53/udp";
                    reading.fault(item.line, &path, why);
                }
            },
        }
    }
    ports
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
