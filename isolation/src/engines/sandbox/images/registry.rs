//! Downloads an image from its registry into an OCI layout.

use std::path::Path;

use engine_api::auth::Credentials;
use engine_api::images::ImageReference;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, LOCATION, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode, Uri};
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::description::{Descriptor, Manifest, choose, digest, json as parsed};
use super::http::{Server, collect, get, next};
use super::registry_access::RegistryAccess;
use super::registry_auth::Authorization;
use super::streams::{Budget, Expected};
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;
use crate::snapshots::Digest;
use crate::snapshots::archive_entries::corrupt;

/// The host of Docker Hub.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// The types of manifests that are understood.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// The most bytes of a manifest.
const LONGEST_MANIFEST: usize = 4 << 20;

/// How deep a list of images in a list of images may be.
const DEEPEST: usize = 3;

/// How often a registry may refer to another place.
const MOST_REDIRECTS: usize = 5;

/// Downloads an image of this machine's platform to an OCI layout in a new directory.
pub(super) async fn download(
    image: &str,
    access: RegistryAccess,
    to: &Path,
    budget: &mut Budget,
) -> Result<()> {
    let reference: ImageReference = image
        .parse()
        .map_err(|error| Error::invalid(format!("{:?} is not a name of an image: {error}", short(image))))?;
    let mut repository = Repository::of(&reference, access).await?;
    let blobs = to.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).map_err(|e| Error::io("create the directory", &blobs, e))?;
    let (bytes, manifest) = repository.manifest(reference.tag_or_digest()).await?;
    let id = Digest::of(&bytes);
    let files = manifest
        .config
        .into_iter()
        .chain(manifest.layers.unwrap_or_default());
    for file in files {
        let path = blobs.join(file.digest()?.to_string());
        // Layers may be equal.
        if !path.exists() {
            repository.blob(&file, &path, budget).await?;
        }
    }
    let index = json!({ "manifests": [{ "digest": format!("sha256:{id}") }] }).to_string();
    for (path, content) in [
        (blobs.join(id.to_string()), bytes.as_slice()),
        (to.join("index.json"), index.as_bytes()),
    ] {
        std::fs::write(&path, content).map_err(|e| Error::io("write", &path, e))?;
    }
    Ok(())
}

/// A repository of a registry.
struct Repository {
    server: Server,
    /// The registry as `isolate login` names it.
    registry: String,
    name: String,
    authorization: Authorization,
}

impl Repository {
    async fn of(reference: &ImageReference, mut access: RegistryAccess) -> Result<Self> {
        let host = match reference.registry() {
            host if host == HUB.0 => HUB.1,
            host => host,
        };
        let found = match access.auth.take() {
            Some(given) => Some(given),
            None => {
                let credentials = Credentials::from_env().await;
                let credentials = credentials.map_err(|error| Error::engine(super::NAME, error))?;
                credentials.find(reference).await.auth
            }
        };
        let server = Server::parse(host, access)?;
        Ok(Self {
            authorization: Authorization::new(found, reference),
            registry: reference.registry().to_owned(),
            name: reference.repository().to_owned(),
            server,
        })
    }

    /// The manifest of this machine's platform.
    async fn manifest(&mut self, tag_or_digest: &str) -> Result<(Vec<u8>, Manifest)> {
        let (mut wanted, mut expected) = (tag_or_digest.to_owned(), None::<Expected>);
        for _ in 0..DEEPEST {
            let path = format!("/v2/{}/manifests/{wanted}", self.name);
            let reply = self.get(&path).await?;
            let bytes = collect(reply, LONGEST_MANIFEST).await?;
            if wanted.starts_with("sha256:") && Digest::of(&bytes) != digest(&wanted)? {
                return Err(corrupt(format!("the digest of the manifest is not {wanted}")));
            }
            if let Some(expected) = expected {
                expected.check_size(bytes.len() as u64, "the manifest")?;
            }
            let manifest: Manifest = parsed(&bytes, "the manifest")?;
            match &manifest.manifests {
                Some(list) if manifest.config.is_none() => {
                    let chosen = choose(list)?;
                    wanted = format!("sha256:{}", chosen.digest()?);
                    expected = Some(chosen.expected()?);
                }
                _ => return Ok((bytes, manifest)),
            }
        }
        Err(corrupt("the image is a list of lists of lists"))
    }

    /// Downloads a file that is named by its digest, which is compared later.
    async fn blob(&mut self, file: &Descriptor, to: &Path, budget: &mut Budget) -> Result<()> {
        let failed = |e| Error::io("write", to, e);
        let path = format!("/v2/{}/blobs/sha256:{}", self.name, file.digest()?);
        let mut body = self.get(&path).await?.into_body();
        let mut written = File::create(to).await.map_err(failed)?;
        let (mut size, expected) = (0, file.expected()?);
        while let Some(frame) = next(&mut body).await? {
            budget.spend(frame.len() as u64)?;
            size += frame.len() as u64;
            if let Some(most) = expected.size.filter(|most| size > *most) {
                let most = counted(most, "byte", "bytes");
                return Err(corrupt(format!("{} has more than {most}", file.digest)));
            }
            written.write_all(&frame).await.map_err(failed)?;
        }
        written.flush().await.map_err(failed)?;
        expected.check_size(size, &file.digest)
    }

    async fn get(&mut self, path: &str) -> Result<Response<Incoming>> {
        let mut reply = self.ask(path).await?;
        if reply.status() == StatusCode::UNAUTHORIZED {
            let challenges = reply.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<String> = challenges
                .filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect();
            self.authorization.answer(&self.server, &challenges).await?;
            reply = self.ask(path).await?;
        }
        let mut left = MOST_REDIRECTS;
        while reply.status().is_redirection() && left > 0 {
            left -= 1;
            let location = reply
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let location: Uri = location
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| corrupt("the registry refers to an invalid address"))?;
            // Credentials stay with the registry.
            let (server, path) = self.server.at(&location)?;
            let own = server == self.server;
            let header = if own { self.authorization.header() } else { None };
            reply = get(&server, &path, &[], header).await?;
        }
        let (server, registry) = (&self.server, &self.registry);
        match reply.status() {
            StatusCode::OK => Ok(reply),
            StatusCode::NOT_FOUND => Err(Error::not_found(format!(
                "the registry {server} does not have it; is the name right?"
            ))),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::invalid(format!(
                "the registry {server} refuses access; log in with `isolate login {registry}`, or check the name"
            ))),
            status => Err(Error::new(
                ErrorKind::Unavailable,
                format!("the registry {server} replied with status {status}"),
            )),
        }
    }

    async fn ask(&self, path: &str) -> Result<Response<Incoming>> {
        let accept = [(ACCEPT, MANIFESTS)];
        get(&self.server, path, &accept, self.authorization.header()).await
    }
}
