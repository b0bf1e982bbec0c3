//! `isolate doctor`: the tried addresses, the Docker daemon that answers, and its limits.

mod requests;
mod sandbox;

use clap::Args;
use engine_api::system::{EngineVersion, Info};
use engine_api::{Docker, Error};
use isolation::Availability;
use serde::Serialize;

use requests::Refusal;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::escape;
use crate::exit_code;
use crate::global::Global;

/// Find out which Docker daemon answers, and which limits it can enforce
///
/// The exit code is 0 if a daemon answers that can limit memory, CPU and processes and accepts the
/// requests that `isolate run` needs, and 1 otherwise.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// The report of this command.
#[derive(Debug, Serialize)]
struct Report {
    endpoints: Vec<Endpoint>,
    daemon: Option<Daemon>,
    limits: Option<Limits>,
    /// The requests of `isolate run` that the daemon, or a proxy in front of it, refuses.
    refused: Vec<Refusal>,
    /// Whether the engine `sandbox`, which needs no daemon, can be used here; unset for a replay.
    sandbox: Option<Availability>,
    /// Whether the daemon can enforce every limit of an environment, and accepts every request
    /// that is needed.
    sufficient: bool,
}

/// An address that was tried.
#[derive(Debug, Serialize)]
struct Endpoint {
    address: String,
    source: String,
    /// The error, if no daemon answered.
    error: Option<String>,
}

/// The daemon that answers.
#[derive(Debug, Serialize)]
struct Daemon {
    address: String,
    product: &'static str,
    version: String,
    api_version: String,
    min_api_version: String,
    negotiated_version: String,
    system: String,
    kernel: String,
    storage_driver: String,
    cgroup_version: String,
    cgroup_driver: String,
    /// `None` if the daemon does not report it.
    rootless: Option<bool>,
    warnings: Vec<String>,
}

/// The limits that the daemon can enforce on its kernel.
#[derive(Debug, Clone, Copy, Serialize)]
struct Limits {
    memory: bool,
    swap: bool,
    cpus: bool,
    pids: bool,
}

impl Doctor {
    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let endpoints = endpoints(global, client).await?;
        let mut report = Report {
            endpoints,
            daemon: None,
            limits: None,
            refused: Vec::new(),
            sandbox: sandbox::look(global).await,
            sufficient: false,
        };
        if report.endpoints.iter().any(|endpoint| endpoint.error.is_none()) {
            // The same choice as that of the client: the first daemon that answers.
            let docker = client.any().await?;
            let (daemon, limits) = examine(&docker).await?;
            report.daemon = Some(daemon);
            report.limits = limits;
            report.refused = requests::refused(&docker).await;
            report.sufficient = limits.is_some_and(Limits::are_sufficient)
                && !report.refused.iter().any(|refusal| refusal.needed);
        }
        if console.json {
            console.value(&report)?;
        } else {
            console.text(&report.text(console.verbose))?;
        }
        Ok(if report.sufficient {
            exit_code::SUCCESS
        } else {
            exit_code::NO
        })
    }
}

/// Pings the daemon that the options name; without one, every usual address of a daemon.
async fn endpoints(global: &Global, client: &Client) -> Result<Vec<Endpoint>, CliError> {
    let Some(docker) = client.named() else {
        let endpoint = |probed: engine_api::error::ProbedEndpoint| Endpoint {
            address: probed.address,
            source: probed.source,
            error: probed.error,
        };
        return Ok(Docker::probe_all().await?.into_iter().map(endpoint).collect());
    };
    let source = match (&global.host, &global.replay, global.daemon()) {
        (Some(_), ..) => "--host",
        (_, Some(_), _) => "--replay",
        (.., Some(_)) => "the configuration",
        _ => "found for --record",
    };
    let pinged = unless_refused(docker.system().ping().await);
    Ok(vec![Endpoint {
        address: docker.address(),
        source: source.into(),
        error: pinged.err().map(|error| format!("{error:#}")),
    }])
}

/// The reply; `None` if the daemon, or a proxy in front of it, refuses the request.
fn unless_refused<T>(reply: Result<T, Error>) -> Result<Option<T>, Error> {
    match reply {
        Err(error) if matches!(error.status(), Some(403 | 404)) => Ok(None),
        other => other.map(Some),
    }
}

/// The daemon, and its limits if it reports them.
async fn examine(docker: &Docker) -> Result<(Daemon, Option<Limits>), CliError> {
    let negotiated = docker.version().await?.to_string();
    let version = unless_refused(docker.system().version().await)?;
    let info = unless_refused(docker.system().info().await)?;
    let limits = info.as_ref().map(|info| {
        let grouped = info.has_control_groups();
        Limits {
            memory: grouped && info.memory_limit,
            swap: grouped && info.swap_limit,
            cpus: grouped && info.cpu_cfs_quota && info.cpu_cfs_period,
            pids: grouped && info.pids_limit,
        }
    });
    Ok((daemon(docker, negotiated, version, info), limits))
}

fn daemon(
    docker: &Docker,
    negotiated_version: String,
    version: Option<EngineVersion>,
    info: Option<Info>,
) -> Daemon {
    let is_podman =
        |version: &EngineVersion| version.components.iter().any(|part| part.name.contains("Podman"));
    let product = match version.as_ref().map(is_podman) {
        Some(true) => "Podman",
        Some(false) => "Docker",
        None => "unknown",
    };
    let rootless = info.as_ref().map(Info::is_rootless);
    let (version, info) = (version.unwrap_or_default(), info.unwrap_or_default());
    Daemon {
        address: docker.address(),
        product,
        version: version.version,
        api_version: version.api_version,
        min_api_version: version.min_api_version,
        negotiated_version,
        system: format!(
            "{}/{}, {}",
            info.os_type, info.architecture, info.operating_system
        ),
        kernel: info.kernel_version,
        storage_driver: info.driver,
        cgroup_version: info.cgroup_version.to_string(),
        cgroup_driver: info.cgroup_driver.to_string(),
        rootless,
        warnings: info.warnings,
    }
}

impl Limits {
    /// Whether every limit of an environment can be enforced. No environment has a swap limit of
    /// its own.
    fn are_sufficient(self) -> bool {
        self.memory && self.cpus && self.pids
    }
}

impl Report {
    fn text(&self, verbose: bool) -> String {
        let mut text = addresses(&self.endpoints, verbose);
        match (&self.daemon, self.limits) {
            (Some(daemon), limits) => {
                text.push_str(&daemon.text());
                text.push_str(&limits.map(Limits::text).unwrap_or_default());
                text.push_str(&requests::text(&self.refused));
            }
            _ => text.push_str(sandbox::without_a_daemon(self.sandbox.as_ref())),
        }
        text.push_str(&sandbox::text(self.sandbox.as_ref()));
        text
    }
}

/// A line for each address. Most addresses fail for the same reason, which is printed once.
/// `--verbose` prints it for each address.
fn addresses(endpoints: &[Endpoint], verbose: bool) -> String {
    let outcome = |endpoint: &Endpoint| match &endpoint.error {
        None => "answers".to_owned(),
        Some(error) if verbose => error.clone(),
        Some(error) => reason(error, &endpoint.address),
    };
    let mut text = String::from("Addresses tried\n");
    let mut rest = endpoints;
    while let Some(first) = rest.first() {
        let why = outcome(first);
        let same = rest
            .iter()
            .take_while(|endpoint| outcome(endpoint) == why)
            .count();
        let (group, later) = rest.split_at(if verbose { 1 } else { same });
        let why = escape::line(&why);
        let name = |endpoint: &Endpoint| {
            let name = format!("{} ({})", endpoint.address, endpoint.source);
            escape::line(&name).into_owned()
        };
        match group {
            [one] => text.push_str(&format!("  {}: {why}\n", name(one))),
            several => {
                text.push_str(&format!("  {why}:\n"));
                for one in several {
                    text.push_str(&format!("    {}\n", name(one)));
                }
            }
        }
        rest = later;
    }
    text
}

/// The error without the operation and the address, which the line already shows.
fn reason(error: &str, address: &str) -> String {
    let error = error.strip_prefix("SystemPing: ").unwrap_or(error);
    let unreachable = format!("cannot reach the engine at {address}");
    let Some(rest) = error.strip_prefix(&unreachable) else {
        return error.to_owned();
    };
    match rest.strip_prefix("; ").and_then(|rest| rest.split_once("?: ")) {
        Some(("is the engine installed and running", why)) => why.to_owned(),
        Some((hint, why)) => format!("{why}; {hint}?"),
        None => rest.trim_start_matches(": ").to_owned(),
    }
}

fn section(title: &str, rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| format!("  {name:<12}{}\n", escape::line(value));
    format!("{title}\n{}", rows.iter().map(row).collect::<String>())
}

impl Daemon {
    fn text(&self) -> String {
        let or_unknown = |text: &str| {
            if text.is_empty() {
                "unknown".to_owned()
            } else {
                text.to_owned()
            }
        };
        let api = format!(
            "{} (oldest {}); negotiated {}",
            or_unknown(&self.api_version),
            or_unknown(&self.min_api_version),
            self.negotiated_version
        );
        let mut rows = vec![
            ("address", self.address.clone()),
            ("product", self.product.to_owned()),
            ("version", or_unknown(&self.version)),
            ("API", api),
        ];
        let Some(rootless) = self.rootless else {
            return section("Docker daemon", &rows);
        };
        rows.extend([
            ("system", self.system.clone()),
            ("kernel", self.kernel.clone()),
            ("storage", or_unknown(&self.storage_driver)),
            (
                "cgroups",
                format!(
                    "version {}, driver {}",
                    or_unknown(&self.cgroup_version),
                    or_unknown(&self.cgroup_driver)
                ),
            ),
            ("rootless", yes(rootless)),
        ]);
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        section("Docker daemon", &rows)
    }
}

impl Limits {
    fn text(self) -> String {
        let rows = [
            ("memory", yes(self.memory)),
            ("swap", yes(self.swap)),
            ("CPU", yes(self.cpus)),
            ("processes", yes(self.pids)),
        ];
        section("Limits that it can enforce", &rows)
    }
}

fn yes(is: bool) -> String {
    (if is { "yes" } else { "no" }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_but_swap_is_needed() {
        let all = Limits {
            memory: true,
            swap: false,
            cpus: true,
            pids: true,
        };
        assert!(all.are_sufficient());
        assert!(!Limits { pids: false, ..all }.are_sufficient());
    }

    fn endpoint(address: &str, error: Option<&str>) -> Endpoint {
        Endpoint {
            address: address.into(),
            source: "DOCKER_HOST".into(),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn reason_of_several_addresses_is_printed_once() {
        let missing = |address: &str| {
            let error = format!(
                "SystemPing: cannot reach the engine at {address}; is the engine installed and \
                 running?: No such file (os error 2)"
            );
            endpoint(address, Some(&error))
        };
        let endpoints = [
            missing("unix:///a"),
            missing("unix:///b"),
            endpoint(
                "unix:///c",
                Some("cannot reach the engine at unix:///c; is this user in the docker group?: no"),
            ),
            endpoint("unix:///d", Some("timeout\u{9b}2J\nx")),
            endpoint("unix:///e", None),
        ];
        assert_eq!(
            addresses(&endpoints, false),
            "Addresses tried\n  No such file (os error 2):\n    unix:///a (DOCKER_HOST)\n    \
             unix:///b (DOCKER_HOST)\n  unix:///c (DOCKER_HOST): no; is this user in the docker \
             group?\n  unix:///d (DOCKER_HOST): timeout\\x9b2J\\nx\n  unix:///e (DOCKER_HOST): answers\n"
        );
        let verbose = addresses(&endpoints, true);
        assert_eq!(verbose.matches("is the engine installed").count(), 2, "{verbose}");
    }

    #[test]
    fn value_of_a_daemon_stays_in_its_row() {
        let text = section("Title", &[("version", "1\n\u{1b}[2J".to_owned())]);
        assert_eq!(text, "Title\n  version     1\\n\\x1b[2J\n");
    }
}
