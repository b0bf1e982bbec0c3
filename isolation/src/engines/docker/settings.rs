//! The settings of an engine, for all its environments.

use std::time::Duration;

use super::images::{HUB, ImageNames, PullPolicy};
use super::{DEFAULT_IMAGE, DEFAULT_PREFIX, publish};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::limits::ResourceLimits;
use crate::spec::subnet::Subnet;
use crate::spec::validate::{self, Faults};

/// The settings of a [`DockerEngine`](super::DockerEngine), for all its environments.
///
/// ```no_run
/// use isolation::engines::docker::{DockerEngine, DockerSettings};
/// use std::time::Duration;
///
/// # fn demo() -> isolation::Result<()> {
/// let engine = DockerEngine::default().with_settings(DockerSettings {
///     container_timeout: Duration::from_secs(20),
///     ..DockerSettings::default()
/// })?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DockerSettings {
    /// The image of environments that name none.
    pub default_image: String,
    /// The registry of image names without a registry.
    pub default_registry: String,
    /// When images are pulled.
    pub pull: PullPolicy,
    /// From where images are pulled whose name has no registry.
    pub image_names: ImageNames,
    /// How long a pull may take.
    pub pull_timeout: Duration,
    /// How long a build may take.
    pub build_timeout: Duration,
    /// How long the daemon may take to create a container, and to start it; pulls not included.
    pub container_timeout: Duration,
    /// The limits of environments without their own.
    pub limits: ResourceLimits,
    /// The prefix of the names of containers.
    pub container_prefix: String,
    /// The prefix of the names of networks.
    pub network_prefix: String,
    /// The prefix of the names of volumes.
    pub volume_prefix: String,
    /// The addresses that networks get, as long as they are free; `None` leaves the choice
    /// to the daemon.
    pub network_subnet: Option<Subnet>,
    /// The directory for volumes on the machine of the daemon; `None` leaves the choice to the
    /// daemon. It is used only if it exists, this process runs as root, and a container shows that
    /// it is the same directory for the daemon. Otherwise volumes are where the daemon puts them.
    pub volume_base_path: Option<String>,
    /// The host at which this process reaches published ports: a name or an IP address; `None` is
    /// the host in the address of the daemon, or this machine for a daemon behind a socket. It is
    /// for a daemon that publishes ports elsewhere, such as one behind a forwarded socket. Ports
    /// are then published on all addresses by default, unless the host is this machine.
    pub published_host: Option<String>,
    /// Whether commands are written to shells that stay open in the container. The results are the
    /// same with an exec for each command, which takes many times as long.
    pub command_shells: bool,
    /// Whether the requests for a command are the same each time, apart from the ID of the
    /// environment, so that a recording of them can be replayed. A command shell then separates the
    /// output of commands by marks that a command could print on purpose, and starts a command that
    /// was sent to a paused container when the container is resumed. Commands that run at the same
    /// time may get each other's marks in a replay, which then fails. Copies to and from places
    /// that the daemon does not see cannot be replayed.
    pub repeatable_commands: bool,
    /// Whether the size of files is measured where the daemon does not enforce a disk limit. The
    /// measurements are requests at times of their own, which a recording cannot repeat.
    pub disk_measurements: bool,
}

impl Default for DockerSettings {
    /// The values of a configuration without keys, except that there are no limits.
    fn default() -> Self {
        Self {
            default_image: DEFAULT_IMAGE.to_owned(),
            default_registry: HUB.to_owned(),
            pull: PullPolicy::default(),
            image_names: ImageNames::default(),
            pull_timeout: Duration::from_secs(600),
            build_timeout: Duration::from_secs(1800),
            container_timeout: Duration::from_secs(300),
            limits: ResourceLimits::default(),
            container_prefix: DEFAULT_PREFIX.to_owned(),
            network_prefix: DEFAULT_PREFIX.to_owned(),
            volume_prefix: "ptest_vol_".to_owned(),
            network_subnet: None,
            volume_base_path: None,
            published_host: None,
            command_shells: true,
            repeatable_commands: false,
            disk_measurements: true,
        }
    }
}

impl DockerSettings {
    /// Rejects values that no daemon accepts. The error lists every fault.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Faults::default();
        self.check(&mut faults);
        faults.into_result()
    }

    /// The image of an environment, with the default registry unless its name has one.
    pub(super) fn image_of(&self, spec: &EnvironmentSpec) -> String {
        self.with_registry(spec.image.as_ref().unwrap_or(&self.default_image))
    }

    /// The name of an image, with the default registry unless it has one.
    pub(super) fn with_registry(&self, image: &str) -> String {
        match self.default_registry.as_str() {
            HUB => image.to_owned(),
            registry => ImageNames::below(registry).pulled(image),
        }
    }

    /// Awaits the creation or the start of a container, for at most the configured time.
    pub(super) fn container_call<T, W: Future<Output = Result<T>>>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T>> + use<T, W> {
        within(self.container_timeout, "container_timeout", work)
    }

    /// Awaits a pull, for at most the configured time.
    pub(super) fn pull_call<T, W: Future<Output = Result<T>>>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T>> + use<T, W> {
        within(self.pull_timeout, "pull_timeout", work)
    }

    /// Awaits a build, for at most the configured time.
    pub(super) fn build_call<T, W: Future<Output = Result<T>>>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T>> + use<T, W> {
        within(self.build_timeout, "build_timeout", work)
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.add(validate::text("the image", &self.default_image));
        faults.add(check_registry(&self.default_registry));
        self.image_names.check(faults);
        for prefix in [&self.container_prefix, &self.network_prefix, &self.volume_prefix] {
            faults.add(validate::name(prefix));
        }
        for (key, timeout) in [
            ("container_timeout", self.container_timeout),
            ("pull_timeout", self.pull_timeout),
            ("build_timeout", self.build_timeout),
        ] {
            if timeout.is_zero() {
                faults.add(Err(Error::invalid(format!("{key} must be greater than 0"))));
            }
        }
        if let Some(path) = self
            .volume_base_path
            .as_ref()
            .filter(|path| !path.starts_with('/'))
        {
            let why =
                format!("volume_base_path must be an absolute path of the daemon's machine, not {path:?}");
            faults.add(Err(Error::invalid(why)));
        }
        faults.add(self.published_host.as_deref().map_or(Ok(()), publish::check_host));
        self.limits.check(faults);
    }
}

/// The error names the key of the configuration that has the limit.
async fn within<T>(limit: Duration, key: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let Ok(done) = tokio::time::timeout(limit, work).await else {
        let text = format!(
            "it took longer than {:.1} s; is the daemon overloaded? `docker.{key}` of the configuration \
             has the limit",
            limit.as_secs_f64()
        );
        return Err(Error::new(ErrorKind::Timeout, text));
    };
    done
}

/// The registry of an image's name: a host with an optional port and path, no address of a page.
fn check_registry(registry: &str) -> Result<()> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '[' | ']');
    let named = !registry.is_empty() && !registry.contains("//") && registry.chars().all(valid);
    let named = named && !registry.starts_with('/') && !registry.ends_with('/');
    match named && ImageNames::below(registry).validate().is_ok() {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{registry:?} is not a registry; write a host, such as docker.io or registry.test:5000"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_are_valid() {
        DockerSettings::default().validate().unwrap();
    }

    #[test]
    fn image_without_a_registry_gets_the_default_one() {
        let settings = DockerSettings {
            default_registry: "registry.test:5000/mirror".to_owned(),
            ..DockerSettings::default()
        };
        let of = |image: &str| {
            settings.image_of(&EnvironmentSpec {
                image: Some(image.to_owned()),
                ..EnvironmentSpec::default()
            })
        };
        for image in [
            "busybox",
            "library/busybox:1",
            "team/app@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert_eq!(of(image), format!("registry.test:5000/mirror/{image}"));
        }
        let id = "0".repeat(64);
        for image in [
            "docker.io/busybox",
            "index.docker.io/a/b",
            "localhost/app",
            "r.test/app",
            "r:1/app",
            &id,
            &format!("sha256:{id}"),
        ] {
            assert_eq!(of(image), *image);
        }
        let default = settings.image_of(&EnvironmentSpec::default());
        assert_eq!(default, format!("registry.test:5000/mirror/{DEFAULT_IMAGE}"));
        let hub = DockerSettings::default().image_of(&EnvironmentSpec::default());
        assert_eq!(hub, DEFAULT_IMAGE);
    }

    #[test]
    fn registry_is_a_host_with_port_and_path() {
        for registry in [
            "docker.io",
            "localhost:5000",
            "registry.test/mirror",
            "[::1]:5000",
        ] {
            check_registry(registry).unwrap();
        }
        for registry in [
            "",
            "https://registry.test",
            "registry.test/",
            "/x",
            "a b",
            "user@host",
            "registry.test/Mirror",
            "registry.test:port",
        ] {
            let error = check_registry(registry).unwrap_err().to_string();
            assert!(error.contains("is not a registry"), "{registry}: {error}");
        }
    }
}
