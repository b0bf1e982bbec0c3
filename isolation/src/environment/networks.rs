//! The networks of an environment, and connections to and from it.

use tokio::net::TcpStream;

use super::endpoint::Endpoint;
use super::joined_network::JoinedNetwork;
use super::shared::Shared;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::engine::instance::Networking;
use crate::error::Result;
use crate::spec::network::check_alias;
use crate::spec::published_port::Protocol;
use crate::spec::validate;

impl Environment {
    /// Like [`endpoint`](Self::endpoint), for a port of any protocol.
    pub async fn endpoint_of(&self, port: u16, protocol: Protocol) -> Result<Endpoint> {
        self.shared().endpoint(port, protocol).await
    }

    /// The published ports. Empty if the environment does not run.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        self.shared().endpoints().await
    }

    /// Connects to a published TCP port.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](crate::ErrorKind::Conflict) if the environment was restarted, and
    /// its port now has another endpoint, which the error names.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<TcpStream> {
        self.shared().connect(endpoint).await
    }

    /// Makes a TCP service of this machine reachable inside: a connection to this port of 127.0.0.1
    /// in the environment is forwarded to the same port of 127.0.0.1 on this machine. This works
    /// while the environment runs and this process has a handle of it, also after a restart.
    ///
    /// There is no listener on other interfaces. The environment may have any network, also an
    /// internal one or no network. The connections use commands inside, which need `sh` and one of
    /// python3, python, perl, socat, or the `nc` of BusyBox. If the image has not, a static BusyBox
    /// of this machine is copied to `/busybox-isolate`.
    ///
    /// ```no_run
    /// # async fn demo(environment: isolation::Environment) -> isolation::Result<()> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let port = listener.local_addr().unwrap().port();
    /// let inside = environment.expose_host(port).await?;
    /// environment.run(isolation::Command::shell(format!("wget http://{inside}/"))).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](crate::ErrorKind::Unsupported) if no program of the image can
    /// listen and this machine has no static BusyBox, [`Conflict`](crate::ErrorKind::Conflict) if
    /// a program inside listens at the port.
    pub async fn expose_host(&self, port: u16) -> Result<Endpoint> {
        self.shared().expose_host(port).await
    }

    /// Connects it to an existing network, also while it runs; `aliases` are its names on the
    /// network. Without any, it has its own name there if no other container has it; on a network
    /// that it has left before, it keeps its former aliases.
    ///
    /// ```no_run
    /// # async fn demo(environment: isolation::Environment) -> isolation::Result<()> {
    /// // A partition of the network, and its end.
    /// let network = environment.networks().await?.remove(0).network;
    /// environment.disconnect_network(&network).await?;
    /// environment.connect_network(&network, &[]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](crate::ErrorKind::Conflict) if it has already joined the network,
    /// or if another container has one of the aliases there.
    pub async fn connect_network(&self, network: &str, aliases: &[String]) -> Result<()> {
        self.shared().connect_network(network, aliases).await
    }

    /// Disconnects it from a network, also while it runs.
    pub async fn disconnect_network(&self, network: &str) -> Result<()> {
        self.shared().disconnect_network(network).await
    }

    /// The networks that it has joined, by name.
    pub async fn networks(&self) -> Result<Vec<JoinedNetwork>> {
        self.shared().networks().await
    }
}

impl Shared {
    fn networking(&self) -> Result<&dyn Networking> {
        checks::exists(self.status())?;
        let networking = self.instance.networking();
        networking.ok_or_else(|| self.no_facet(Feature::Networks))
    }

    pub(super) async fn connect_network(&self, network: &str, aliases: &[String]) -> Result<()> {
        let connected = async {
            validate::text("the name of the network", network)?;
            aliases.iter().try_for_each(|alias| check_alias(alias))?;
            let connecting = self.networking()?.connect(network, aliases);
            self.answered(connecting).await
        };
        let connected = connected.await;
        self.report("connect to the network", network, connected).await
    }

    pub(super) async fn disconnect_network(&self, network: &str) -> Result<()> {
        let disconnected = async {
            validate::text("the name of the network", network)?;
            self.answered(self.networking()?.disconnect(network)).await
        };
        let disconnected = disconnected.await;
        self.report("disconnect from the network", network, disconnected)
            .await
    }

    pub(super) async fn networks(&self) -> Result<Vec<JoinedNetwork>> {
        let joined = match self.networking() {
            Ok(networking) => networking.joined().await,
            Err(error) => Err(error),
        };
        self.report("list the networks of", self.name(), joined).await
    }
}
