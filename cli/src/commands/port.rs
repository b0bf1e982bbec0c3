//! `isolate port`: the addresses of the published ports of an environment.

use clap::Args;
use isolation::{Endpoint, Protocol};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Show the addresses of the published ports of an environment
///
/// With PORT, only that address is printed: `curl "http://$(isolate port web 80)/"`.
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// Port inside the environment; the protocol is tcp unless it is named
    #[arg(value_name = "PORT[/PROTOCOL]", value_parser = port)]
    port: Option<(u16, Protocol)>,
}

impl Port {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let Some((port, protocol)) = self.port else {
            let mut endpoints = environment.endpoints().await?;
            endpoints.iter_mut().for_each(|at| at.reachable &= !at.forwarded);
            if console.json {
                console.value(&endpoints)?;
            } else {
                console.text(&text(&endpoints))?;
            }
            return Ok(exit_code::SUCCESS);
        };
        let endpoint = environment.endpoint_of(port, protocol).await?;
        if endpoint.forwarded {
            return Err(CliError::new(
                "the port is on an internal network or in a sandbox, so it can be reached only while the \
                 program that uses the environment forwards it; use another network, or isolate run",
            ));
        }
        if console.json {
            console.value(&endpoint)?;
        } else {
            console.text(&format!("{endpoint}\n"))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

fn text(endpoints: &[Endpoint]) -> String {
    let line = |at: &Endpoint| {
        let note = if at.reachable {
            ""
        } else {
            " (not reachable from here)"
        };
        format!("{}/{} -> {at}{note}\n", at.port, at.protocol)
    };
    endpoints.iter().map(line).collect()
}

fn port(text: &str) -> Result<(u16, Protocol), String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = number.parse().ok().filter(|port| *port > 0);
    let number = number.ok_or_else(|| format!("{text:?} is not a port; write 80 or 53/udp"))?;
    let protocol = protocol
        .parse()
        .map_err(|error: isolation::Error| error.to_string())?;
    Ok((number, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_has_the_protocol_tcp_by_default() {
        assert_eq!(port("80"), Ok((80, Protocol::Tcp)));
        assert_eq!(port("53/UDP"), Ok((53, Protocol::Udp)));
        for text in ["", "0", "x", "80/", "80/http", "65536"] {
            port(text).unwrap_err();
        }
    }

    #[test]
    fn port_that_is_not_reachable_is_marked() {
        let mut at = Endpoint::new(80, Protocol::Tcp, "::1", 8080);
        assert_eq!(text(std::slice::from_ref(&at)), "80/tcp -> [::1]:8080\n");
        at.reachable = false;
        assert_eq!(text(&[at]), "80/tcp -> [::1]:8080 (not reachable from here)\n");
    }
}
