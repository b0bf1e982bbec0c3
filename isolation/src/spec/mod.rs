//! The specification of an environment: one file for each larger subject.

pub(crate) mod device;
pub(crate) mod health;
pub(crate) mod image_build;
pub(crate) mod json_file;
pub(crate) mod json_strict;
pub(crate) mod json_words;
pub(crate) mod lifetime;
pub(crate) mod limits;
pub(crate) mod main_process;
pub(crate) mod membership;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod own_network;
pub(crate) mod published_port;
pub(crate) mod requirements;
pub(crate) mod restart;
pub(crate) mod security;
pub(crate) mod subnet;
mod sysctl;
pub(crate) mod units;
pub(crate) mod validate;
pub(crate) mod variables;
pub(crate) mod wait_for;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::health::HealthSpec;
use self::image_build::ImageBuild;
use self::lifetime::Lifetime;
use self::limits::ResourceLimits;
use self::main_process::Main;
use self::membership::Membership;
use self::mount::Mount;
use self::network::NetworkSpec;
use self::restart::RestartSpec;
use self::security::SecuritySpec;
use self::validate::Faults;
use self::variables::Variables;
use self::wait_for::Readiness;
use crate::engine::capabilities::{Feature, IsolationLevel};
use crate::error::{Error, Result};

/// The specification of an environment. Every engine can create the default one.
///
/// ```
/// use isolation::{EnvironmentSpec, ResourceLimits};
///
/// let spec = EnvironmentSpec {
///     image: Some("busybox".into()),
///     env: [("MODE", "test")].into(),
///     limits: ResourceLimits { memory: Some(256 << 20), ..ResourceLimits::default() },
///     ..EnvironmentSpec::default()
/// };
/// assert!(spec.validate().is_ok());
/// ```
///
/// In JSON every field may be left out. Sizes and durations are numbers or texts such as `"512m"`
/// and `"30s"`. An unknown field is an error.
///
/// ```
/// let spec = isolation::EnvironmentSpec::from_json(r#"{
///     "image": "busybox",
///     "main": {"command": {"argv": ["httpd", "-f"]}},
///     "limits": {"memory": "256m", "cpus": 0.5},
///     "mounts": [{"source": {"tmpfs": {"size": "16m"}}, "target": "/scratch"}]
/// }"#)?;
/// assert_eq!(spec.limits.memory, Some(256 << 20));
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// The name for people; any text. Without a name, the engine derives one from the ID. A name is
    /// not unique: two environments may have the same name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// The image, for engines that support images.
    #[serde(skip_serializing_if = "is_default")]
    pub image: Option<String>,
    /// From what the image is built; [`image`](Self::image) is then another name for it. An
    /// environment that was created has the name of the built image in place of this.
    #[serde(skip_serializing_if = "is_default")]
    pub build: Option<ImageBuild>,
    /// The weakest isolation that the engine may have. With [`IsolationLevel::Container`], nothing
    /// runs directly on this host.
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: Option<IsolationLevel>,
    /// Features that the engine must have, in addition to those that the specification uses.
    #[serde(skip_serializing_if = "is_default")]
    pub require: BTreeSet<Feature>,
    /// The main process, which runs from start to stop.
    #[serde(skip_serializing_if = "is_default")]
    pub main: Main,
    /// The lifetime of the environment.
    #[serde(skip_serializing_if = "is_default")]
    pub lifetime: Lifetime,
    /// Environment variables of every command. Variables of the caller's process are not inherited.
    #[serde(skip_serializing_if = "is_default")]
    pub env: Variables,
    /// The working directory of commands, created if missing. By default the engine chooses one.
    #[serde(skip_serializing_if = "is_default")]
    pub working_dir: Option<String>,
    /// The user of every command: a name or a number, also `user:group`. By default the image's, or
    /// the caller's.
    #[serde(skip_serializing_if = "is_default")]
    pub user: Option<String>,
    /// Directories of the host, volumes and temporary file systems that are mounted.
    #[serde(skip_serializing_if = "is_default")]
    pub mounts: Vec<Mount>,
    /// Files and directories of the host that are copied in at creation.
    #[serde(skip_serializing_if = "is_default")]
    pub copies: Vec<CopyIn>,
    /// The resource limits.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: ResourceLimits,
    /// The network.
    #[serde(skip_serializing_if = "is_default")]
    pub network: NetworkSpec,
    /// Restrictions beyond those that every environment of the engine has, and exceptions to them.
    #[serde(skip_serializing_if = "is_default")]
    pub security: SecuritySpec,
    /// The condition for it to be ready after its start; without a condition, it is ready at once.
    #[serde(skip_serializing_if = "is_default")]
    pub ready: Option<Readiness>,
    /// The group to which it belongs; [`Manager::up`](crate::Manager::up) sets it.
    #[serde(skip_serializing_if = "is_default")]
    pub group: Option<Membership>,
    /// The health check. By default, this process runs none, and the engine may run that of the
    /// image.
    #[serde(skip_serializing_if = "is_default")]
    pub health: Option<HealthSpec>,
    /// When it is restarted automatically; by default never.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: Option<RestartSpec>,
    /// How long its processes may take to exit after a stop that names no time:
    /// [`Environment::stop_grace`](crate::Environment::stop_grace). In JSON a number of seconds, or
    /// a text such as `"1m30s"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(with = "units::duration", skip_serializing_if = "is_default")]
    pub stop_grace: Option<Duration>,
    /// Labels on everything that the engine creates for the environment.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// The owner, for people who share a machine or a Docker daemon.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: Option<String>,
    /// The session; the environments of one manager have the same session.
    #[serde(skip_serializing_if = "is_default")]
    pub session: Option<String>,
    /// Options of single engines, by the name of the engine. An engine reads its own options and
    /// rejects unknown ones.
    #[serde(skip_serializing_if = "is_default")]
    pub engine_options: BTreeMap<String, serde_json::Value>,
}

/// A file or directory of the host that is copied in at creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CopyIn {
    /// The path on the host.
    #[cfg_attr(feature = "schema", schemars(with = "PathBuf"))]
    #[serde(serialize_with = "units::serialize_path")]
    pub source: PathBuf,
    /// The path of the copy, as in [`Environment::copy_in`](crate::Environment::copy_in).
    pub target: String,
}

/// Whether a field has its default value and is left out of JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl EnvironmentSpec {
    /// Reads a specification from JSON.
    ///
    /// # Errors
    ///
    /// The error lists every unknown or invalid field with its path ([`Error::failures`]), or names
    /// the line of a text that is not JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        json_file::read(text, json_file::faults::<Self>)
            .map_err(|error| error.during("read the specification", ""))
    }

    /// Rejects a specification that no engine can create: blank names, invalid environment
    /// variables, missing sources, limits of 0. The error lists every fault:
    /// [`Error::failures`].
    pub fn validate(&self) -> Result<()> {
        let name = self.name.as_deref().unwrap_or_default();
        let mut faults = Faults::default();
        self.check(&mut faults);
        faults
            .into_result()
            .map_err(|e| e.during("create the environment", name))
    }

    fn check(&self, faults: &mut Faults) {
        if let Some(name) = &self.name {
            faults.add(validate::label(name));
        }
        for (what, text) in [
            ("the image", &self.image),
            ("the working directory", &self.working_dir),
            ("the user", &self.user),
            ("the owner", &self.owner),
            ("the session", &self.session),
        ] {
            faults.add(text.as_deref().map_or(Ok(()), |text| validate::text(what, text)));
        }
        if let Some(build) = &self.build {
            build.check(faults);
        }
        self.main.check(faults);
        validate::variables(&self.env, faults);
        self.mounts.iter().for_each(|mount| mount.check(faults));
        for (at, mount) in self.mounts.iter().enumerate() {
            let same =
                |other: &&Mount| other.target.trim_end_matches('/') == mount.target.trim_end_matches('/');
            if self.mounts[..at].iter().any(|other| same(&other)) {
                let why = format!("two mounts have the target {}; give each its own", mount.target);
                faults.add(Err(Error::invalid(why)));
            }
        }
        for copy in &self.copies {
            faults.add(validate::source("the source of a copy", &copy.source));
            faults.add(validate::text("the target of a copy", &copy.target));
        }
        self.limits.check(faults);
        self.network.check(faults);
        self.security.check(faults);
        if let Some(ready) = &self.ready {
            ready.check(&self.main, self.health.as_ref(), faults);
        }
        if let Some(health) = &self.health {
            health.check(faults);
        }
        if let Some(restart) = &self.restart {
            restart.check(self, faults);
        }
        for (key, value) in &self.labels {
            faults.add(validate::text("the key of a label", key));
            faults.add(validate::no_nul("the value of a label", value));
        }
    }

    /// The features that an engine needs for this environment.
    pub fn required_features(&self) -> BTreeSet<Feature> {
        let own = [
            (self.image.is_some(), Feature::Images),
            (self.build.is_some(), Feature::ImageBuilds),
            (self.user.is_some(), Feature::Users),
            (!self.copies.is_empty(), Feature::CopyIn),
        ];
        let own = own
            .into_iter()
            .filter_map(|(needed, feature)| needed.then_some(feature));
        own.chain(self.require.iter().copied())
            .chain(self.main.required_features())
            .chain(self.mounts.iter().flat_map(Mount::required_features))
            .chain(self.limits.required_features())
            .chain(self.network.required_features())
            .chain(self.security.required_features())
            .chain(self.health.as_ref().and_then(HealthSpec::required_feature))
            .chain(self.restart.as_ref().and_then(RestartSpec::required_feature))
            .collect()
    }
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
