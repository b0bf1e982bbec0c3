//! Ports, networks, logs, metrics, limits and processes of an environment of the other program.

use std::net::IpAddr;

use super::instance::RemoteInstance;
use super::log::RemoteLog;
use crate::BoxFuture;
use crate::engine::instance::{
    DiskUsage, Logs, Metrics, Networking, Pause, Ports, Processes, Rename, Update,
};
use crate::environment::endpoint::Endpoint;
use crate::environment::joined_network::JoinedNetwork;
use crate::error::Result;
use crate::logs::{LogOptions, LogOrigin, LogStream};
use crate::metrics::MetricsSample;
use crate::process::ProcessEntry;
use crate::protocol::answer;
use crate::protocol::call::Call;
use crate::protocol::params;
use crate::spec::limits::ResourceLimits;

impl RemoteInstance {
    async fn ask_endpoints(&self) -> Result<answer::Endpoints> {
        self.ask(Call::Endpoints(self.of())).await
    }
}

impl Ports for RemoteInstance {
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async { Ok(self.ask_endpoints().await?.endpoints) })
    }

    fn unpublished(&self) -> BoxFuture<'_, Result<Option<IpAddr>>> {
        Box::pin(async {
            let found = self.ask_endpoints().await?;
            // The other program forwards the ports if it has endpoints for them.
            let is_forwarded = found.endpoints.iter().any(|endpoint| endpoint.forwarded);
            Ok(found.unpublished.filter(|_| !is_forwarded))
        })
    }
}

impl Networking for RemoteInstance {
    fn connect<'a>(&'a self, network: &'a str, aliases: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.tell(Call::ConnectNetwork(params::Connect {
            environment: self.id.to_string(),
            network: network.to_owned(),
            aliases: aliases.to_vec(),
        })))
    }

    fn disconnect<'a>(&'a self, network: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.tell(Call::DisconnectNetwork(params::Disconnect {
            environment: self.id.to_string(),
            network: network.to_owned(),
        })))
    }

    fn joined(&self) -> BoxFuture<'_, Result<Vec<JoinedNetwork>>> {
        Box::pin(async {
            let found: answer::Networks = self.ask(Call::Networks(self.of())).await?;
            Ok(found.networks)
        })
    }
}

impl Logs for RemoteInstance {
    fn read<'a>(&'a self, options: &'a LogOptions) -> BoxFuture<'a, Result<LogStream>> {
        Box::pin(async move {
            let of_main = LogOptions {
                origin: Some(LogOrigin::Main),
                ..options.clone()
            };
            let log = params::ReadLog::of(self.id.to_string(), &of_main);
            let peer = self.engine.reach().await?;
            let mut stream = peer.stream(Call::Logs(log))?;
            stream.started().await?;
            Ok(LogStream::new(RemoteLog(stream)))
        })
    }
}

impl Metrics for RemoteInstance {
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>> {
        Box::pin(self.ask(Call::Metrics(self.of())))
    }
}

impl Pause for RemoteInstance {
    fn pause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.tell(Call::Pause(self.of())))
    }

    fn unpause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.tell(Call::Unpause(self.of())))
    }
}

impl Rename for RemoteInstance {
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.tell(Call::Rename(params::Rename {
            environment: self.id.to_string(),
            name: name.to_owned(),
        })))
    }
}

impl Update for RemoteInstance {
    fn update<'a>(&'a self, limits: &'a ResourceLimits) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.tell(Call::Update(Box::new(params::Update {
            environment: self.id.to_string(),
            limits: limits.clone(),
        }))))
    }
}

impl Processes for RemoteInstance {
    fn list(&self) -> BoxFuture<'_, Result<Vec<ProcessEntry>>> {
        Box::pin(async {
            let found: answer::Processes = self.ask(Call::Processes(self.of())).await?;
            Ok(found.processes)
        })
    }
}

impl DiskUsage for RemoteInstance {
    fn limit(&self) -> u64 {
        self.disk_limit.unwrap_or(u64::MAX)
    }

    fn used(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async {
            let found: answer::DiskUsage = self.ask(Call::DiskUsage(self.of())).await?;
            Ok(found.used)
        })
    }
}
