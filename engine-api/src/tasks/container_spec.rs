//! The container of a service's task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigReference, Privileges, SecretReference};
use crate::common::{EnvList, HealthConfig, Isolation, Mount, Ulimit};
use crate::version::Version;
use crate::wire::requirement::Requirement;

/// The container of a service's task. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerSpec {
    /// The image.
    pub image: String,
    /// Labels of the container.
    pub labels: BTreeMap<String, String>,
    /// The command, instead of the image's entry point.
    pub command: Vec<String>,
    /// Its arguments, instead of the image's command.
    pub args: Vec<String>,
    /// The host name; may be a template such as `{{.Node.Hostname}}`.
    pub hostname: String,
    /// Environment variables.
    pub env: EnvList,
    /// The working directory of commands; empty is the image's.
    pub dir: String,
    /// The user, `name`, `uid` or either with `:group`; empty is the image's.
    pub user: String,
    /// Additional groups of the user.
    pub groups: Vec<String>,
    /// Security options.
    pub privileges: Option<Privileges>,
    /// Whether an init process runs first and forwards signals; `None` is the engine's default.
    pub init: Option<bool>,
    /// Whether it has a terminal.
    #[serde(rename = "TTY")]
    pub tty: bool,
    /// Whether its input is open.
    pub open_stdin: bool,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// The signal that stops it; empty is the image's.
    pub stop_signal: String,
    /// Nanoseconds between the stop signal and a kill; `None` is ten seconds.
    pub stop_grace_period: Option<i64>,
    /// The health check; `None` is the image's.
    #[serde(rename = "Healthcheck", alias = "HealthCheck")]
    pub healthcheck: Option<HealthConfig>,
    /// Lines for its hosts file: an address, a name, more names.
    pub hosts: Vec<String>,
    /// Its DNS settings.
    #[serde(rename = "DNSConfig")]
    pub dns_config: Option<DnsConfig>,
    /// Its secrets.
    pub secrets: Vec<SecretReference>,
    /// Its configs.
    pub configs: Vec<ConfigReference>,
    /// Preference of the OOM killer for the container, from -1000 to 1000. Since API 1.46.
    pub oom_score_adj: i64,
    /// The isolation technology (Windows).
    pub isolation: Isolation,
    /// Its kernel parameters (sysctls).
    pub sysctls: BTreeMap<String, String>,
    /// Capabilities to add to the default ones.
    pub capability_add: Vec<String>,
    /// Default capabilities to drop.
    pub capability_drop: Vec<String>,
    /// Limits of its processes (ulimits).
    pub ulimits: Vec<Ulimit>,
}

impl ContainerSpec {
    pub(super) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let score = self.oom_score_adj != 0;
        let own = Requirement::since(score, "ContainerSpec::oom_score_adj", Version::new(1, 46));
        let privileges = self.privileges.iter().flat_map(Privileges::requires);
        privileges
            .chain(own)
            .chain(self.healthcheck.iter().flat_map(HealthConfig::requires))
            .chain(self.mounts.iter().flat_map(Mount::requires))
    }
}

/// The DNS settings of a container. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DnsConfig {
    /// Addresses of name servers.
    pub nameservers: Vec<String>,
    /// Search domains.
    pub search: Vec<String>,
    /// Options of the resolver: `ndots:3`.
    pub options: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn health_check_has_the_engines_name() {
        let spec = ContainerSpec {
            tty: true,
            healthcheck: Some(HealthConfig::default()),
            ..Default::default()
        };
        let text = encode(&spec).unwrap();
        assert_eq!(text, br#"{"TTY":true,"Healthcheck":{}}"#);
        let described = br#"{"TTY":true,"HealthCheck":{},"Env":null}"#;
        assert_eq!(decode::<ContainerSpec>(described).unwrap(), spec);
    }

    #[test]
    fn debug_hides_values_of_variables() {
        let spec = ContainerSpec {
            env: ["TOKEN=hunter2"].into(),
            ..Default::default()
        };
        assert!(!format!("{spec:?}").contains("hunter2"));
    }
}
