//! Exposes services of this machine in an environment, and forwards its ports.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use super::checks;
use super::endpoint::Endpoint;
use super::relays::{Open, no_handles};
use super::shared::Shared;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::engine::capabilities::Feature;
use crate::error::{Error, ErrorKind, Result};
use crate::files::CopySource;
use crate::relay::{Relay, Start, expose, forward, static_busybox};
use crate::spec::published_port::{Protocol, PublishedPort};

/// Starts commands in an environment, and copies files in, without a handle that keeps it alive.
/// They are not commands of the user, so no events are sent.
#[derive(Debug)]
struct Inside(Weak<Shared>);

impl Start for Inside {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async {
            let shared = self.0.upgrade().ok_or_else(no_handles)?;
            shared.begin_command(command).await
        })
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let shared = self.0.upgrade().ok_or_else(no_handles)?;
            shared.bring_in(source, target).await
        })
    }

    fn busybox(&self) -> Option<PathBuf> {
        static_busybox()
    }
}

impl Shared {
    /// Sets the function with which the relays of this environment start commands in it.
    pub(super) fn connect_relays(self: &Arc<Self>) {
        self.relays.start_by(|| Arc::new(Inside(Arc::downgrade(self))));
    }

    pub(super) async fn expose_host(&self, port: u16) -> Result<Endpoint> {
        let exposed = self.begin_exposing(port).await;
        self.report("expose the port of this machine", &port.to_string(), exposed)
            .await
    }

    async fn begin_exposing(&self, port: u16) -> Result<Endpoint> {
        if port == 0 {
            return Err(Error::invalid("a port is a number from 1 to 65535"));
        }
        checks::running(self.status())?;
        let at = Endpoint::new(port, Protocol::Tcp, Ipv4Addr::LOCALHOST.to_string(), port);
        if !self.capabilities.has(Feature::NetworkIsolation) {
            return Ok(at);
        }
        let _one_at_a_time = self.relays.beginning.lock().await;
        let lives = |relay: &Option<Relay>| relay.as_ref().is_some_and(|relay| !relay.has_ended());
        if self.relays.open().exposed.get(&port).is_some_and(lives) {
            return Ok(at);
        }
        let service = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let relay = expose(self.relays.starter()?, port, service).await?;
        self.relays.open().exposed.insert(port, Some(relay));
        Ok(at)
    }

    /// Begins the relays of an environment that has just started.
    pub(super) async fn begin_relays(&self) -> Result<()> {
        let before: BTreeSet<u16> = self.relays.open().exposed.keys().copied().collect();
        for port in before.into_iter().chain(self.spec.network.expose_host.clone()) {
            let exposed = self.begin_exposing(port).await;
            exposed.map_err(|error| error.during("expose the port of this machine", &port.to_string()))?;
        }
        if !self.spec.network.ports.is_empty() {
            self.endpoints_now().await?;
        }
        Ok(())
    }

    /// The published ports, and the forwarded ports that the network cannot publish.
    pub(super) async fn endpoints_now(&self) -> Result<Vec<Endpoint>> {
        let Some(ports) = self.instance.ports() else {
            return Err(self.no_facet(Feature::Ports));
        };
        let mut endpoints = ports.endpoints().await?;
        if endpoints.is_empty() && self.status().is_running() && !self.spec.network.ports.is_empty() {
            if let Some(address) = ports.unpublished().await? {
                endpoints = self.forwarded(address).await?;
            }
        }
        Ok(endpoints)
    }

    /// Starts the forwarding of ports, and returns the forwarded ports.
    async fn forwarded(&self, address: IpAddr) -> Result<Vec<Endpoint>> {
        let _one_at_a_time = self.relays.beginning.lock().await;
        let known =
            |open: &Open| -> Vec<Endpoint> { open.forwarded.iter().map(|(_, at)| at.clone()).collect() };
        let before = known(&self.relays.open());
        if !before.is_empty() {
            return Ok(before);
        }
        let mut begun = Vec::new();
        for port in &self.spec.network.ports {
            begun.push(self.forward(port, address).await?);
        }
        let mut open = self.relays.open();
        open.forwarded = begun;
        Ok(known(&open))
    }

    async fn forward(&self, port: &PublishedPort, address: IpAddr) -> Result<(Relay, Endpoint)> {
        if port.protocol != Protocol::Tcp {
            let text = format!(
                "the network of the environment does not publish the port {port}; this process forwards ports, but \
                 only those of TCP; use another network"
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let host = port.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let at = SocketAddr::from((host, port.host_port.unwrap_or(0)));
        let (relay, at) = forward(self.relays.starter()?, at, (address, port.port)).await?;
        let reached = match at.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            IpAddr::V6(ip) if ip.is_unspecified() => "::1".to_owned(),
            ip => ip.to_string(),
        };
        let endpoint = Endpoint {
            forwarded: true,
            ..Endpoint::new(port.port, Protocol::Tcp, reached, at.port())
        };
        Ok((relay, endpoint))
    }
}
