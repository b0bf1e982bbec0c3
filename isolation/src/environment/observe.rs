//! Observations of an environment: files, ports, log, metrics.

use tokio::net::TcpStream;

use super::checks;
use super::endpoint::Endpoint;
use super::first::START;
use super::shared::Shared;
use super::status::Status;
use crate::engine::capabilities::Feature;
use crate::engine::instance::{HealthState, InstanceState};
use crate::error::{Error, ErrorKind, Result};
use crate::files::FileKind;
use crate::logs::commands::CommandLog;
use crate::logs::{LogOptions, LogOrigin, LogStream};
use crate::metrics::MetricsSample;
use crate::spec::published_port::{Protocol, PublishedPort};
use crate::spec::validate;

impl Shared {
    /// Adds the health from this process's check, or stores the health from the engine.
    pub(super) fn compare_health(&self, state: &mut InstanceState) {
        match &state.health {
            Some(found) => {
                self.supervision.has_health(found.status);
                self.history.found_checks(&found.checks);
            }
            None => {
                let checks = self.history.checks();
                let own = self.supervision.health().filter(|_| self.status().is_running());
                state.health = own.map(|status| HealthState { status, checks });
            }
        }
    }

    pub(super) async fn file_kind(&self, path: &str) -> Result<Option<FileKind>> {
        let kind = async {
            validate::text("the path", path)?;
            checks::exists(self.status())?;
            match self.instance.files() {
                Some(files) => files.kind(path).await,
                None => Err(self.no_facet(Feature::CopyOut)),
            }
        }
        .await;
        self.report("inspect", path, kind).await
    }

    pub(super) async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let found = self.published().await;
        self.report("list the ports of", self.name(), found).await
    }

    async fn published(&self) -> Result<Vec<Endpoint>> {
        checks::exists(self.status())?;
        self.endpoints_now().await
    }

    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<TcpStream> {
        let connected = self.connect_to(endpoint).await;
        let subject = format!("{}/{} at {endpoint}", endpoint.port, endpoint.protocol);
        self.report("connect to the published port", &subject, connected)
            .await
    }

    async fn connect_to(&self, endpoint: &Endpoint) -> Result<TcpStream> {
        if endpoint.protocol != Protocol::Tcp {
            return Err(Error::invalid("only TCP has connections"));
        }
        // A port may be published several times.
        let published = self.published().await?;
        if !published.iter().any(|at| at == endpoint && at.reachable) {
            let now = self.find_endpoint(endpoint.port, endpoint.protocol).await?;
            let text = format!("the environment was restarted; the port is now at {now}");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let connected = TcpStream::connect((endpoint.host.as_str(), endpoint.host_port)).await;
        connected
            .map_err(|error| Error::new(ErrorKind::Unavailable, format!("{error}; does a program listen?")))
    }

    pub(super) async fn endpoint(&self, port: u16, protocol: Protocol) -> Result<Endpoint> {
        let found = self.find_endpoint(port, protocol).await;
        let subject = format!("{port}/{protocol}");
        self.report("find the published port", &subject, found).await
    }

    async fn find_endpoint(&self, port: u16, protocol: Protocol) -> Result<Endpoint> {
        let published = self.published().await?;
        let mut of_it = published
            .into_iter()
            .filter(|at| at.port == port && at.protocol == protocol);
        match of_it.next() {
            Some(at) if at.reachable => Ok(at),
            Some(at) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "it is published at {at} of another machine, which cannot be reached from here; publish it \
                     on another address, such as 0.0.0.0::{port}"
                ),
            )),
            None => {
                let of_spec = |one: &PublishedPort| one.port == port && one.protocol == protocol;
                if !self.spec.network.ports.iter().any(of_spec) {
                    return Err(Error::not_found(
                        "it is not published; publish it when the environment is created: -p, or `network.ports` \
                         of the specification",
                    ));
                }
                checks::running(self.status())?;
                // The engine knows of an end that was not seen here yet.
                Err(Error::wrong_status(Status::Stopped, START))
            }
        }
    }

    pub(super) async fn logs(&self, options: LogOptions) -> Result<LogStream> {
        let log = self.open_log(&options).await;
        self.report("read the log of", self.name(), log).await
    }

    async fn open_log(&self, options: &LogOptions) -> Result<LogStream> {
        checks::exists(self.status())?;
        let of_main = self.instance.logs();
        match (options.origin, of_main) {
            (Some(LogOrigin::Commands), _) => self.command_log(options),
            // Without a main process, only commands have output.
            (None, None) if self.instance.exec().is_some() => self.command_log(options),
            (_, Some(logs)) => logs.read(options).await,
            (_, None) => Err(self.no_facet(Feature::Logs)),
        }
    }

    /// The output of commands is stored if the environment is kept, or if another process has
    /// created it.
    fn command_log(&self, options: &LogOptions) -> Result<LogStream> {
        let log = match self.journal.output().filter(|_| self.is_kept()) {
            Some(store) => CommandLog::stored(store, options),
            None => CommandLog::in_memory(&self.history, options),
        };
        Ok(LogStream::new(log.begin()?))
    }

    pub(super) async fn metrics(&self) -> Result<MetricsSample> {
        let sample = self.measure().await;
        self.report("measure", self.name(), sample).await
    }

    async fn measure(&self) -> Result<MetricsSample> {
        checks::runs(self.status())?;
        match self.instance.metrics() {
            Some(metrics) => {
                let mut sample = metrics.sample().await?;
                self.has_measured(&mut sample);
                Ok(sample)
            }
            None => Err(self.no_facet(Feature::Metrics)),
        }
    }

    /// Completes a sample with what only this process knows, and records it.
    pub(crate) fn has_measured(&self, sample: &mut MetricsSample) {
        sample.paused = self.pauses.total();
        sample.is_paused = self.status() == Status::Paused;
        self.history.measured(sample);
    }
}
