//! How to build an image.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::Serialize;

use crate::common::{Isolation, Ulimit};
use crate::wire::json;
use crate::wire::query::Query;

/// How to build an image. Query of `ImageBuild`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildImage {
    /// Names for the image, `name[:tag]`; without a tag it is `latest`.
    pub tags: Vec<String>,
    /// The builder to use.
    pub builder: Builder,
    /// The Dockerfile's path in the context; empty is `Dockerfile`.
    pub dockerfile: String,
    /// The stage to build; empty is the last one.
    pub target: String,
    /// Values for `ARG` instructions.
    pub build_args: BuildArgs,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
    /// The platform to build for, `os[/arch[/variant]]`; `None` is the engine's own.
    pub platform: Option<String>,
    /// Ask the registry for newer base images, even if the engine has them.
    pub pull: bool,
    /// Do not use the build cache.
    pub no_cache: bool,
    /// Images whose steps may be used as cache.
    pub cache_from: Vec<String>,
    /// Print only the ID of the image.
    pub quiet: bool,
    /// Keep the containers of steps after a success, too. Classic only.
    pub keep_containers: bool,
    /// Remove the containers of steps after a failure, too. Classic only.
    pub force_remove: bool,
    /// Squash all new layers into one (experimental). Classic only.
    pub squash: bool,
    /// The network for `RUN` steps: `bridge`, `host`, `none`, `container:<name|id>`, or a name.
    pub network_mode: String,
    /// Additional lines of `/etc/hosts` in `RUN` steps, `host:address` each.
    pub extra_hosts: Vec<String>,
    /// Bytes of memory for a step; 0 for no limit. Classic only, like all limits.
    pub memory: i64,
    /// Bytes of memory and swap together; -1 for unlimited swap, 0 for the engine's default.
    pub memory_swap: i64,
    /// CPU weight relative to other containers; 0 for the engine's default.
    pub cpu_shares: i64,
    /// The CPUs a step may run on: `0-3`, `0,1`.
    pub cpuset_cpus: String,
    /// The memory nodes a step may use: `0-3`, `0,1`.
    pub cpuset_mems: String,
    /// Length of a CPU period in microseconds; 0 for the engine's default.
    pub cpu_period: i64,
    /// CPU time of a step in a period, in microseconds; 0 for no limit.
    pub cpu_quota: i64,
    /// The parent cgroup of the steps.
    pub cgroup_parent: String,
    /// Bytes of `/dev/shm`; 0 for the engine's default.
    pub shm_size: i64,
    /// Limits of the processes of `RUN` steps (ulimits).
    pub ulimits: Vec<Ulimit>,
    /// Security options for `RUN` steps.
    pub security_opt: Vec<String>,
    /// The isolation technology of steps (Windows); `None` is the engine's default.
    pub isolation: Option<Isolation>,
    /// Exporters of the result; empty for an image in the engine. BuildKit only.
    pub outputs: Vec<BuildOutput>,
    /// A name by which the build can be cancelled. BuildKit only.
    pub build_id: String,
}

impl BuildImage {
    pub(crate) fn query(&self, remote: Option<&str>) -> Query {
        let version = match self.builder {
            Builder::Classic => "1",
            Builder::BuildKit => "2",
        };
        let query = Query::new()
            .each("t", &self.tags)
            .maybe("remote", remote)
            .text("dockerfile", &self.dockerfile)
            .text("target", &self.target)
            .maybe("platform", self.platform.as_ref())
            .flag("pull", self.pull)
            .flag("nocache", self.no_cache)
            .flag("q", self.quiet)
            // Docker removes them by default, Podman does not.
            .set("rm", !self.keep_containers)
            .flag("forcerm", self.force_remove)
            .flag("squash", self.squash)
            .text("networkmode", &self.network_mode)
            .each("extrahosts", &self.extra_hosts)
            .text("buildid", &self.build_id)
            .set("version", version);
        self.lists(self.limits(query))
    }

    fn limits(&self, query: Query) -> Query {
        let some = |number: i64| (number != 0).then_some(number);
        query
            .maybe("memory", some(self.memory))
            .maybe("memswap", some(self.memory_swap))
            .maybe("cpushares", some(self.cpu_shares))
            .text("cpusetcpus", &self.cpuset_cpus)
            .text("cpusetmems", &self.cpuset_mems)
            .maybe("cpuperiod", some(self.cpu_period))
            .maybe("cpuquota", some(self.cpu_quota))
            .text("cgroupparent", &self.cgroup_parent)
            .maybe("shmsize", some(self.shm_size))
            .maybe("isolation", self.isolation.as_ref())
    }

    /// Adds the parameters that are JSON.
    fn lists(&self, query: Query) -> Query {
        query
            .maybe(
                "buildargs",
                as_json(&self.build_args.0, self.build_args.is_empty()),
            )
            .maybe("labels", as_json(&self.labels, self.labels.is_empty()))
            .maybe("cachefrom", as_json(&self.cache_from, self.cache_from.is_empty()))
            .maybe("ulimits", as_json(&self.ulimits, self.ulimits.is_empty()))
            .maybe(
                "securityopt",
                as_json(&self.security_opt, self.security_opt.is_empty()),
            )
            .maybe("outputs", as_json(&self.outputs, self.outputs.is_empty()))
    }

    pub(crate) fn wrong(&self) -> Option<String> {
        if self.tags.iter().any(|tag| tag.trim().is_empty()) {
            return Some("one of the image's names is empty; leave it out".to_owned());
        }
        let classic = self.builder == Builder::Classic;
        if classic && !self.outputs.is_empty() {
            return Some("`outputs` are for BuildKit; set `builder`, or leave them out".to_owned());
        }
        (!classic && self.squash)
            .then(|| "BuildKit does not squash; build with the classic builder, or leave it out".to_owned())
    }
}

/// The text of a value that is not empty.
fn as_json(value: &impl Serialize, empty: bool) -> Option<String> {
    let text = json::encode(value).ok().filter(|_| !empty)?;
    String::from_utf8(text).ok()
}

/// Which of an engine's builders to use. Podman always uses its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Builder {
    /// The classic builder, which runs a Dockerfile line by line.
    #[default]
    Classic,
    /// BuildKit, without the features that need a session: secrets, ssh, local outputs.
    BuildKit,
}

/// Values for the `ARG` instructions of a Dockerfile.
///
/// A map whose `Debug` shows only the names: values may be secrets. `None` passes the name without
/// a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BuildArgs(BTreeMap<String, Option<String>>);

impl fmt::Debug for BuildArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self
            .0
            .iter()
            .map(|(name, value)| (name, value.as_ref().map(|_| "***")));
        f.debug_map().entries(masked).finish()
    }
}

impl Deref for BuildArgs {
    type Target = BTreeMap<String, Option<String>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for BuildArgs {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl From<BTreeMap<String, Option<String>>> for BuildArgs {
    fn from(values: BTreeMap<String, Option<String>>) -> Self {
        Self(values)
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for BuildArgs {
    fn from(values: [(K, V); N]) -> Self {
        let pair = |(name, value): (K, V)| (name.into(), Some(value.into()));
        Self(values.into_iter().map(pair).collect())
    }
}

/// An exporter of BuildKit's result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BuildOutput {
    /// The exporter: `moby` is the only one that needs no session.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its settings: `compression` …
    pub attrs: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_sends_defaults_that_differ_from_the_engines() {
        assert_eq!(BuildImage::default().query(None).as_str(), "rm=true&version=1");
        let build = BuildImage {
            tags: vec!["a:1".into(), "b".into()],
            builder: Builder::BuildKit,
            keep_containers: true,
            extra_hosts: vec!["x:1.2.3.4".into(), "y:::1".into()],
            memory_swap: -1,
            ..Default::default()
        };
        assert_eq!(
            build.query(Some("https://x/y.git")).as_str(),
            "t=a%3A1&t=b&remote=https%3A%2F%2Fx%2Fy.git&rm=false&extrahosts=x%3A1.2.3.4\
             &extrahosts=y%3A%3A%3A1&version=2&memswap=-1"
        );
    }

    #[test]
    fn lists_and_maps_are_json_and_null_arguments_stay() {
        let mut build = BuildImage {
            build_args: [("A", "b")].into(),
            cache_from: vec!["c".into()],
            labels: BTreeMap::from([("k".into(), String::new())]),
            outputs: vec![BuildOutput {
                kind: "moby".into(),
                attrs: BTreeMap::from([("compression".into(), "zstd".into())]),
            }],
            ulimits: vec![Ulimit {
                name: "nofile".into(),
                soft: 1,
                hard: 2,
            }],
            ..Default::default()
        };
        build.build_args.insert("N".into(), None);
        let query = build.query(None);
        let text = percent_encoding::percent_decode_str(query.as_str())
            .decode_utf8()
            .unwrap();
        for part in [
            r#"buildargs={"A":"b","N":null}"#,
            r#"cachefrom=["c"]"#,
            r#"labels={"k":""}"#,
            r#"outputs=[{"Type":"moby","Attrs":{"compression":"zstd"}}]"#,
            r#"ulimits=[{"Name":"nofile","Soft":1,"Hard":2}]"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn debug_hides_values_of_build_arguments() {
        let build = BuildImage {
            build_args: [("TOKEN", "hunter2")].into(),
            ..Default::default()
        };
        let shown = format!("{build:?} {build:#?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn contradictory_options_are_rejected() {
        let outputs = BuildImage {
            outputs: vec![BuildOutput::default()],
            ..Default::default()
        };
        let squash = BuildImage {
            builder: Builder::BuildKit,
            squash: true,
            ..Default::default()
        };
        let blank = BuildImage {
            tags: vec![String::new()],
            ..Default::default()
        };
        assert!(outputs.wrong().is_some() && squash.wrong().is_some() && blank.wrong().is_some());
        assert_eq!(BuildImage::default().wrong(), None);
    }
}
