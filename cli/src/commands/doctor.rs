//! `isolate doctor`: where an engine was looked for, what it is, what it can enforce.

use clap::Args;
use engine_api::Docker;
use engine_api::connect::probe_all;
use serde::Serialize;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;

/// Find out which Docker engine answers, and what it can enforce
///
/// Exits with 0 when an engine answers that can limit memory, processors and processes, and with 1
/// otherwise.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    endpoints: Vec<Endpoint>,
    engine: Option<Engine>,
    limits: Option<Limits>,
    able: bool,
}

/// A place that was tried.
#[derive(Debug, Serialize)]
struct Endpoint {
    address: String,
    source: String,
    /// Why it is not the one.
    error: Option<String>,
}

/// The engine that answers.
#[derive(Debug, Serialize)]
struct Engine {
    address: String,
    flavour: &'static str,
    version: String,
    api_version: String,
    min_api_version: String,
    negotiated_version: String,
    system: String,
    kernel: String,
    storage_driver: String,
    cgroup_version: String,
    cgroup_driver: String,
    rootless: bool,
    warnings: Vec<String>,
}

/// Which limits the engine's kernel lets it enforce.
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
        let answers = endpoints.iter().find(|endpoint| endpoint.error.is_none());
        let (engine, limits) = match answers {
            None => (None, None),
            Some(_) => {
                // The first that answers, as it is here.
                let docker = client.any().await?;
                let (engine, limits) = examine(&docker).await?;
                (Some(engine), Some(limits))
            }
        };
        let report = Report {
            endpoints,
            engine,
            able: limits.is_some_and(Limits::suffice),
            limits,
        };
        if console.json {
            console.value(&report)?;
        } else {
            console.text(&report.text())?;
        }
        Ok(if report.able {
            exit_code::SUCCESS
        } else {
            exit_code::NO
        })
    }
}

/// Asks every place where an engine may be; only the one that the options name, if they do.
async fn endpoints(global: &Global, client: &Client) -> Result<Vec<Endpoint>, CliError> {
    let Some(docker) = client.named() else {
        let endpoint = |asked: engine_api::error::ProbedEndpoint| Endpoint {
            address: asked.address,
            source: asked.source,
            error: asked.error,
        };
        return Ok(probe_all().await?.into_iter().map(endpoint).collect());
    };
    let source = match (&global.host, &global.replay) {
        (Some(_), _) => "--host",
        (_, Some(_)) => "--replay",
        _ => "found for --record",
    };
    let pinged = docker.system().ping().await;
    Ok(vec![Endpoint {
        address: docker.address(),
        source: source.into(),
        error: pinged.err().map(|error| error.to_string()),
    }])
}

async fn examine(docker: &Docker) -> Result<(Engine, Limits), CliError> {
    let negotiated = docker.version().await?;
    let version = docker.system().version().await?;
    let info = docker.system().info().await?;
    let podman = version.components.iter().any(|part| part.name.contains("Podman"));
    let limits = Limits {
        memory: info.memory_limit,
        swap: info.swap_limit,
        cpus: info.cpu_cfs_quota && info.cpu_cfs_period,
        pids: info.pids_limit,
    };
    let engine = Engine {
        address: docker.address(),
        flavour: if podman { "Podman" } else { "Docker" },
        version: version.version,
        api_version: version.api_version,
        min_api_version: version.min_api_version,
        negotiated_version: negotiated.to_string(),
        system: format!(
            "{}/{}, {}",
            info.os_type, info.architecture, info.operating_system
        ),
        kernel: info.kernel_version,
        storage_driver: info.driver,
        cgroup_version: info.cgroup_version.to_string(),
        cgroup_driver: info.cgroup_driver.to_string(),
        rootless: info
            .security_options
            .iter()
            .any(|option| option.contains("rootless")),
        warnings: info.warnings,
    };
    Ok((engine, limits))
}

impl Limits {
    /// Whether these are enough for what an environment can ask for. Swap is a limit of its own that no
    /// environment needs.
    fn suffice(self) -> bool {
        self.memory && self.cpus && self.pids
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = String::from("Places tried\n");
        for endpoint in &self.endpoints {
            let outcome = endpoint.error.as_deref().unwrap_or("answers");
            text.push_str(&format!(
                "  {} ({}): {outcome}\n",
                endpoint.address, endpoint.source
            ));
        }
        match (&self.engine, self.limits) {
            (Some(engine), Some(limits)) => {
                text.push_str(&engine.text());
                text.push_str(&limits.text());
            }
            _ => text.push_str(
                "No engine answers: `isolate run` can use what this machine has (--engine basic)\n",
            ),
        }
        text
    }
}

fn section(title: &str, rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| format!("  {name:<12}{value}\n");
    format!("{title}\n{}", rows.iter().map(row).collect::<String>())
}

impl Engine {
    fn text(&self) -> String {
        let or = |text: &str| {
            if text.is_empty() {
                "not said".to_owned()
            } else {
                text.to_owned()
            }
        };
        let mut rows = vec![
            ("address", self.address.clone()),
            ("flavour", self.flavour.to_owned()),
            ("version", self.version.clone()),
            (
                "API",
                format!(
                    "{} down to {}; spoken: {}",
                    self.api_version, self.min_api_version, self.negotiated_version
                ),
            ),
            ("system", self.system.clone()),
            ("kernel", self.kernel.clone()),
            ("storage", or(&self.storage_driver)),
            (
                "cgroups",
                format!(
                    "version {}, driver {}",
                    or(&self.cgroup_version),
                    or(&self.cgroup_driver)
                ),
            ),
            ("rootless", yes(self.rootless)),
        ];
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        section("The engine", &rows)
    }
}

impl Limits {
    fn text(self) -> String {
        let rows = [
            ("memory", yes(self.memory)),
            ("swap", yes(self.swap)),
            ("processors", yes(self.cpus)),
            ("processes", yes(self.pids)),
        ];
        section("Limits it can enforce", &rows)
    }
}

fn yes(is: bool) -> String {
    (if is { "yes" } else { "no" }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_not_needed_and_everything_else_is() {
        let all = Limits {
            memory: true,
            swap: false,
            cpus: true,
            pids: true,
        };
        assert!(all.suffice());
        assert!(!Limits { pids: false, ..all }.suffice());
    }

    #[test]
    fn every_place_is_told_with_what_came_of_it() {
        let endpoint = |problem: Option<&str>| Endpoint {
            address: "unix:///x".into(),
            source: "DOCKER_HOST".into(),
            error: problem.map(str::to_owned),
        };
        let report = |endpoints| Report {
            endpoints,
            engine: None,
            limits: None,
            able: false,
        };
        assert!(
            report(vec![endpoint(Some("gone"))])
                .text()
                .contains("unix:///x (DOCKER_HOST): gone")
        );
        assert!(
            report(vec![endpoint(None)])
                .text()
                .contains("(DOCKER_HOST): answers")
        );
    }
}
