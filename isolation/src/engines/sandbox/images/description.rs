//! The parts of an image: the files of `docker save`, or those of OCI.

use std::io::Read;

use engine_api::images::{ImageConfig, ImageReference};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::blobs::Blobs;
use super::streams::{Expected, LayerDigests, document};
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::Digest;
use crate::snapshots::archive_entries::corrupt;

/// How deep a list of images in a list of images may be.
const DEEPEST: usize = 3;

/// The most layers of an image.
const MOST_LAYERS: usize = 1000;

/// The media types of a list of images.
const LISTS: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// An image in [`Blobs`].
#[derive(Debug)]
pub(super) struct Description {
    /// The digest of its configuration, which is its ID.
    pub(super) id: Digest,
    pub(super) config: ImageConfig,
    /// The names that the archive has for it.
    pub(super) names: Vec<String>,
    /// The files of its layers, the lowest first.
    pub(super) layers: Vec<(String, LayerDigests)>,
}

/// The file `manifest.json` of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// A list of images, or the manifest of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) manifests: Option<Vec<Descriptor>>,
    pub(super) config: Option<Descriptor>,
    pub(super) layers: Option<Vec<Descriptor>>,
}

/// A file that is named by its digest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: Option<u64>,
    pub(super) platform: Option<Platform>,
    pub(super) annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) architecture: String,
}

/// The configuration of an image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    #[serde(flatten)]
    platform: Platform,
    config: Option<ImageConfig>,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RootFs {
    diff_ids: Vec<String>,
}

impl Platform {
    /// The platform of this machine.
    pub(super) fn here() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
        }
    }
}

impl Descriptor {
    /// The digest, which must be one of SHA-256.
    pub(super) fn digest(&self) -> Result<Digest> {
        digest(&self.digest)
    }

    /// The digest and the size of the described file.
    pub(super) fn expected(&self) -> Result<Expected> {
        Ok(Expected {
            digest: self.digest()?,
            size: self.size,
        })
    }

    fn is_list(&self) -> bool {
        LISTS.contains(&self.media_type.as_str())
    }

    /// Where it is in an OCI layout.
    pub(super) fn file(&self) -> Result<String> {
        Ok(format!("blobs/sha256/{}", self.digest()?))
    }

    fn name(&self) -> Option<String> {
        let annotations = self.annotations.as_ref()?;
        let whole = annotations.get("io.containerd.image.name");
        // Of Podman and skopeo it is the whole name, else a tag alone, which names nothing.
        let reference = annotations.get("org.opencontainers.image.ref.name");
        let reference = reference.filter(|name| name.contains([':', '/']));
        familiar(whole.or(reference)?)
    }
}

/// Reads `sha256:…`.
pub(super) fn digest(text: &str) -> Result<Digest> {
    match text.strip_prefix("sha256:") {
        Some(hex) => hex.parse(),
        None => Err(corrupt(format!("{text:?} is not a digest of SHA-256"))),
    }
}

/// Reads JSON of an image. A value that is null is as good as missing.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    let read = serde_json::from_slice(bytes).map(without_nulls);
    read.and_then(serde_json::from_value)
        .map_err(|error| corrupt(format!("{what} is damaged: {error}")))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let filled = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(filled.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// The manifest of this machine's platform in a list.
pub(super) fn choose(list: &[Descriptor]) -> Result<&Descriptor> {
    let here = Platform::here();
    let fits = |one: &&Descriptor| one.platform.as_ref().is_none_or(|platform| *platform == here);
    list.iter().find(fits).ok_or_else(|| {
        let platforms = list.iter().filter_map(|one| one.platform.as_ref());
        let names: Vec<String> = platforms
            .map(|one| format!("{}/{}", one.os, one.architecture))
            .collect();
        let why = format!(
            "the image does not exist for {}/{}, only for {}",
            here.os,
            here.architecture,
            names.join(", ")
        );
        Error::new(ErrorKind::Unsupported, why)
    })
}

impl Blobs {
    /// The image with this name or ID; without one the only image.
    pub(super) fn describe(&self, wanted: Option<&str>) -> Result<Description> {
        if let Some(file) = self.file("manifest.json")? {
            return self.saved(file, wanted);
        }
        let Some(file) = self.file("index.json")? else {
            return Err(Error::invalid(
                "the source is not an image: it has neither the manifest.json of `docker save` nor the index.json of an OCI layout",
            ));
        };
        let index: Manifest = json(&document(file, None, "index.json")?, "index.json")?;
        let list = index.manifests.unwrap_or_default();
        let named: Vec<Descriptor> = match wanted {
            Some(wanted) => {
                let fits = |one: &&Descriptor| same(one.name().as_deref(), wanted) || one.digest == wanted;
                list.iter().filter(fits).cloned().collect()
            }
            None => list.clone(),
        };
        let chosen = choose(one_name(&list, &named, wanted)?)?;
        let names = chosen.name().into_iter().collect();
        self.oci(chosen, names, 0)
    }

    fn saved(&self, file: impl Read, wanted: Option<&str>) -> Result<Description> {
        let images: Vec<Saved> = json(&document(file, None, "manifest.json")?, "manifest.json")?;
        let is_wanted = |image: &&Saved| match wanted {
            None => true,
            Some(wanted) => {
                let id = wanted.strip_prefix("sha256:").unwrap_or(wanted);
                let names = image.repo_tags.iter().flatten();
                names.into_iter().any(|name| same(Some(name), wanted))
                    || (id.len() >= 12 && image.config.contains(id))
            }
        };
        let found: Vec<&Saved> = images.iter().filter(is_wanted).collect();
        let image = match found.as_slice() {
            [one] => *one,
            _ => {
                let names = images.iter().flat_map(|image| image.repo_tags.iter().flatten());
                return Err(several(names.map(String::as_str), wanted));
            }
        };
        let file = self.file(&image.config)?;
        let file = file.ok_or_else(|| corrupt(format!("the archive has no {}", image.config)))?;
        // The name of the file is its digest, in old archives with an ending.
        let name = image.config.rsplit('/').next().unwrap_or_default();
        let id: Digest = name.trim_end_matches(".json").parse()?;
        let named = Expected {
            digest: id,
            size: None,
        };
        let config: ConfigFile = json(
            &document(file, Some(named), "the configuration of the image")?,
            "the configuration",
        )?;
        let files = image.layers.clone().unwrap_or_default();
        let files = files.into_iter().map(|file| (file, None));
        let names = image.repo_tags.clone().unwrap_or_default();
        described(id, config, &names, files.collect())
    }

    fn oci(&self, descriptor: &Descriptor, names: Vec<String>, depth: usize) -> Result<Description> {
        let manifest: Manifest = json(&self.blob(descriptor, "the manifest")?, "the manifest")?;
        if let (true, Some(list)) = (
            descriptor.is_list() || manifest.config.is_none(),
            manifest.manifests,
        ) {
            if depth >= DEEPEST {
                return Err(corrupt("the image is a list of lists of lists"));
            }
            return self.oci(choose(&list)?, names, depth + 1);
        }
        let config = manifest
            .config
            .ok_or_else(|| corrupt("the manifest has no configuration"))?;
        let id = config.digest()?;
        let file: ConfigFile = json(
            &self.blob(&config, "the configuration of the image")?,
            "the configuration",
        )?;
        let layers = manifest.layers.unwrap_or_default();
        let files = layers
            .iter()
            .map(|layer| Ok((layer.file()?, Some(layer.expected()?))))
            .collect::<Result<_>>()?;
        described(id, file, &names, files)
    }

    fn blob(&self, descriptor: &Descriptor, what: &str) -> Result<Vec<u8>> {
        let file = self.file(&descriptor.file()?)?;
        let file = file.ok_or_else(|| corrupt(format!("{what} {} is missing", descriptor.digest)))?;
        document(file, Some(descriptor.expected()?), what)
    }
}

fn described(
    id: Digest,
    config: ConfigFile,
    names: &[String],
    files: Vec<(String, Option<Expected>)>,
) -> Result<Description> {
    let here = Platform::here();
    if config.platform != here {
        let platform = config.platform;
        let why = format!(
            "the image is one for {}/{}, this machine is {}/{}",
            platform.os, platform.architecture, here.os, here.architecture
        );
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let digests = config.rootfs.diff_ids;
    if digests.len() != files.len() || files.len() > MOST_LAYERS {
        return Err(corrupt(format!(
            "the image has {} and {}",
            counted(files.len(), "layer", "layers"),
            counted(digests.len(), "digest of a layer", "digests of layers")
        )));
    }
    let layers = files.into_iter().zip(digests);
    let layers = layers.map(|((file, expected), archive)| {
        let digests = LayerDigests {
            file: expected,
            archive: digest(&archive)?,
        };
        Ok((file, digests))
    });
    Ok(Description {
        id,
        config: config.config.unwrap_or_default(),
        names: names.iter().filter_map(|name| familiar(name)).collect(),
        layers: layers.collect::<Result<_>>()?,
    })
}

/// A name as it is kept, `busybox:latest`; `None` for another text.
pub(super) fn familiar(name: &str) -> Option<String> {
    let parsed: ImageReference = name.parse().ok()?;
    Some(parsed.familiar())
}

fn same(name: Option<&str>, wanted: &str) -> bool {
    name.is_some_and(|name| familiar(name) == familiar(wanted))
}

/// The entries of one image. Several entries without a name are one image for several platforms.
fn one_name<'a>(
    all: &[Descriptor],
    found: &'a [Descriptor],
    wanted: Option<&str>,
) -> Result<&'a [Descriptor]> {
    let names: std::collections::BTreeSet<_> = found.iter().map(Descriptor::name).collect();
    match (found, names.len()) {
        ([], _) => {}
        (found, 1) => return Ok(found),
        _ => {}
    }
    let names: Vec<String> = all.iter().filter_map(Descriptor::name).collect();
    Err(several(names.iter().map(String::as_str), wanted))
}

fn several<'a>(names: impl Iterator<Item = &'a str>, wanted: Option<&str>) -> Error {
    let names: Vec<&str> = names.collect();
    let list = match names.as_slice() {
        [] => "images without a name".to_owned(),
        names => names.join(", "),
    };
    match wanted {
        Some(wanted) => Error::not_found(format!(
            "the image {wanted} is not in the archive, which has {list}"
        )),
        None => Error::invalid(format!(
            "the archive has more or less than one image: {list}; name one"
        )),
    }
}

#[cfg(test)]
mod tests;
