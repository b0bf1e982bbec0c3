//! `isolate network create`.

use clap::Args;
use isolation::engines::docker::NetworkOptions;
use isolation::{Lifetime, Subnet};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Create a network and print its ID; it stays until `isolate network rm`
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Subnet, such as 10.5.0.0/24; by default a free part of the configured network_subnet
    #[arg(long, value_name = "SUBNET")]
    subnet: Option<Subnet>,
    /// Allow no connections from the network to the outside
    #[arg(long)]
    internal: bool,
    /// Give the network IPv6 addresses, too
    #[arg(long)]
    ipv6: bool,
    /// Label; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::label)]
    label: Vec<(String, String)>,
    /// Name of the network
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Create {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let options = NetworkOptions {
            name: self.name.clone(),
            subnet: self.subnet,
            internal: self.internal,
            ipv6: self.ipv6,
            labels: self.label.iter().cloned().collect(),
            lifetime: Lifetime::Kept,
        };
        // A signal drops the creation. The drop removes everything that was created.
        signals::interruptible(console, "removing the network", async {
            let network = session.docker()?.networks().create(options).await?;
            if let Some(reason) = network.outside_preference() {
                console.warning(reason);
            }
            match console.json {
                true => console.value(network.info())?,
                false => console.text(&format!("{}\n", network.info().id))?,
            }
            Ok(exit_code::SUCCESS)
        })
        .await
    }
}
