//! The published ports of a container in a list.

use engine_api::containers::{ContainerSummary, PortSummary};

use crate::environment::status::Status;

/// The ports as a table shows them. Podman also lists those of a container that does not run.
pub(super) fn of(container: &ContainerSummary, status: Status) -> Vec<String> {
    match status {
        Status::Running | Status::Paused => container.ports.iter().map(port).collect(),
        _ => Vec::new(),
    }
}

/// A port as the docker command writes it.
fn port(port: &PortSummary) -> String {
    let PortSummary {
        ip,
        private_port,
        protocol,
        ..
    } = port;
    let protocol = protocol.as_ref();
    match port.public_port {
        Some(public) if ip.contains(':') => format!("[{ip}]:{public}->{private_port}/{protocol}"),
        Some(public) => format!("{ip}:{public}->{private_port}/{protocol}"),
        None => format!("{private_port}/{protocol}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_that_does_not_run_has_no_ports() {
        let ports = br#"[{"IP":"::1","PrivatePort":80,"PublicPort":32768,"Type":"tcp"},
                         {"IP":"127.0.0.1","PrivatePort":53,"PublicPort":5353,"Type":"udp"},
                         {"PrivatePort":443,"Type":"tcp"}]"#;
        let mut container = ContainerSummary::default();
        container.ports = engine_api::from_json(ports).unwrap();
        let listed = ["[::1]:32768->80/tcp", "127.0.0.1:5353->53/udp", "443/tcp"];
        assert_eq!(of(&container, Status::Paused), listed);
        assert_eq!(of(&container, Status::Stopped), [""; 0]);
    }

    #[test]
    fn port_is_shown_as_docker_does() {
        for (json, shown) in [
            (r#"{"PrivatePort": 80, "Type": "tcp"}"#, "80/tcp"),
            (
                r#"{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}"#,
                "0.0.0.0:8080->80/tcp",
            ),
            (
                r#"{"IP": "::1", "PrivatePort": 53, "PublicPort": 5353, "Type": "udp"}"#,
                "[::1]:5353->53/udp",
            ),
        ] {
            assert_eq!(port(&engine_api::from_json(json.as_bytes()).unwrap()), shown);
        }
    }
}
