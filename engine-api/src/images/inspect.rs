//! Inspect an image.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Images;
use super::identity::Identity;
use super::manifest::ImageManifest;
use super::platform;
use crate::common::{ContainerConfig, EnvList, HealthConfig, OciDescriptor, OciPlatform};
use crate::containers::DriverData;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static INSPECT: Operation<Json<Image>> =
    Operation::get("ImageInspect", "/images/{name}/json").slashes();

impl Images<'_> {
    /// Returns the details of an image.
    pub async fn inspect(&self, image: &str, options: InspectImage) -> Result<Image> {
        let call = self.docker.call(&INSPECT).at(image).query(options.query());
        call.needs(options.manifests, "InspectImage::manifests", Version::new(1, 48))
            .needs(
                options.platform.is_some(),
                "InspectImage::platform",
                Version::new(1, 49),
            )
            .send()
            .await
    }
}

/// Options of inspecting an image. The two exclude each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InspectImage {
    /// Include the manifests, [`Image::manifests`]. Since API 1.48.
    pub manifests: bool,
    /// The platform of the image. Since API 1.49.
    pub platform: Option<OciPlatform>,
}

impl InspectImage {
    fn query(&self) -> Query {
        Query::new()
            .flag("manifests", self.manifests)
            .maybe("platform", self.platform.as_ref().map(platform::as_json))
    }
}

/// An image. Definition `ImageInspect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Image {
    /// The ID: the digest of the image's configuration, `sha256:…`.
    #[serde(alias = "ID")]
    pub id: String,
    /// The target of the name: a manifest, or an index of several platforms. Since API 1.48, only
    /// with the containerd store.
    pub descriptor: Option<OciDescriptor>,
    /// The manifests, if they were requested. Since API 1.48, only with the containerd store.
    pub manifests: Vec<ImageManifest>,
    /// The origin of the image. Since API 1.53.
    pub identity: Option<Identity>,
    /// The names, `alpine:3.20`; may be empty.
    pub repo_tags: Vec<String>,
    /// The names with the digests of manifests, `alpine@sha256:…`.
    pub repo_digests: Vec<String>,
    /// The ID of the parent image, if this image was built on this engine. Until API 1.51.
    pub parent: String,
    /// The comment of its commit or import.
    pub comment: String,
    /// Time of creation, in RFC 3339; empty if the image has no date (before API 1.44: year 1).
    pub created: String,
    /// The container from which the image was created. Until API 1.44.
    pub container: String,
    /// The configuration of that container. Until API 1.44.
    pub container_config: Option<ContainerConfig>,
    /// The version of Docker that built the image. Until API 1.51.
    pub docker_version: String,
    /// The author, from its build or commit.
    pub author: String,
    /// The default configuration of its containers.
    pub config: Option<ImageConfig>,
    /// The processor architecture: `amd64`, `arm64` …
    pub architecture: String,
    /// The variant of the architecture: `v7`.
    pub variant: String,
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The version of the operating system, mostly of Windows.
    pub os_version: String,
    /// Size of all layers of the platform, in bytes.
    pub size: i64,
    /// The same as `size`. Until API 1.43.
    pub virtual_size: Option<i64>,
    /// Data of the storage driver; `None` with the containerd store since API 1.52.
    pub graph_driver: Option<DriverData>,
    /// The layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// Metadata of the engine about the image.
    pub metadata: ImageMetadata,
}

/// The default configuration of an image's containers. Definition `ImageConfig`.
///
/// Until API 1.49 engines also sent twelve fields of a container's configuration here. They are
/// empty for a built image, and may be set for a committed image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageConfig {
    /// The user: `user`, `user:group`, or numbers; empty for root.
    pub user: String,
    /// The ports the program listens on, as `80/tcp`.
    #[serde(with = "crate::wire::json::set")]
    pub exposed_ports: BTreeSet<String>,
    /// The environment, `NAME=value` each.
    pub env: EnvList,
    /// The command, or the arguments of the entry point.
    pub cmd: Vec<String>,
    /// The health check; `None` if the image has no health check.
    pub healthcheck: Option<HealthConfig>,
    /// Whether the command is one escaped command line (Windows).
    pub args_escaped: bool,
    /// Directories that each get an anonymous volume.
    #[serde(with = "crate::wire::json::set")]
    pub volumes: BTreeSet<String>,
    /// The working directory.
    pub working_dir: String,
    /// The entry point.
    pub entrypoint: Vec<String>,
    /// Build instructions (`ONBUILD`) for images that are built from this one.
    pub on_build: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that stops the process, by name or number; empty is `SIGTERM`.
    pub stop_signal: String,
    /// The shell for commands that are given as a single string.
    pub shell: Vec<String>,

    /// The host name. Until API 1.49.
    pub hostname: String,
    /// The domain name. Until API 1.49.
    pub domainname: String,
    /// Whether the input was attached. Until API 1.49.
    pub attach_stdin: bool,
    /// Whether the output was attached. Until API 1.49.
    pub attach_stdout: bool,
    /// Whether the error output was attached. Until API 1.49.
    pub attach_stderr: bool,
    /// Whether the process had a terminal. Until API 1.49.
    pub tty: bool,
    /// Whether standard input was kept open. Until API 1.49.
    pub open_stdin: bool,
    /// Whether the input closed after the first client. Until API 1.49.
    pub stdin_once: bool,
    /// The base image. Until API 1.49.
    pub image: String,
    /// Whether networking was disabled. Until API 1.49.
    pub network_disabled: bool,
    /// The MAC address. Until API 1.49.
    pub mac_address: String,
    /// Seconds between the stop signal and a kill. Until API 1.49.
    pub stop_timeout: Option<i64>,
}

/// The layers of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct RootFs {
    /// The kind of file system: `layers`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The digests of the unpacked layers, the lowest first.
    pub layers: Vec<String>,
    /// The base layer on the host that the lowest layer needs (Windows). Until API 1.41.
    pub base_layer: String,
}

/// Metadata of an engine about an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageMetadata {
    /// Time of the last new name of the image on this engine, in RFC 3339; empty or year 1 means
    /// never.
    pub last_tag_time: String,
}
