//! A snapshot as an image: an archive in the layout of the Open Container Initiative, which
//! `docker load` reads, too.

use std::io::{self, Write};
use std::sync::Arc;

use engine_api::common::Timestamp;
use engine_api::images::ImageReference;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::contents::PartKind;
use super::image_layer::{Measured, file_header};
use super::manifest::Snapshot;
use super::part_reader::PartReader;
use super::progress::OnProgress;
use super::store::SnapshotStore;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;

/// The types of the files of the layout.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A file of the layout, named by its digest.
struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    fn of(content: &[u8]) -> Self {
        Self {
            digest: hex(&Sha256::digest(content)),
            size: content.len() as u64,
        }
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn described(&self, kind: &str) -> Value {
        json!({ "mediaType": kind, "digest": format!("sha256:{}", self.digest), "size": self.size })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl SnapshotStore {
    /// Writes the file system of a container's snapshot as an image of one layer with this name,
    /// such as `mine:latest`. It has the configuration of the image, but no volume and no variable
    /// of the environment. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) if the snapshot is not one of an image:
    /// its files are no system of their own.
    pub fn export_image(&self, snapshot: &Snapshot, name: &str, to: impl Write) -> Result<()> {
        let manifest = &snapshot.manifest;
        let (Some(config), Some(part)) = (&manifest.image, manifest.part(&PartKind::Root.name())) else {
            let why = format!(
                "a snapshot of the engine {} has no image; `isolate snapshot export` writes it without --oci",
                manifest.engine
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        };
        let named = name.parse::<ImageReference>();
        let named = named.ok().filter(|named| named.digest().is_none());
        let named = named.ok_or_else(|| {
            let why = format!(
                "{name:?} does not name an image; write NAME or NAME:TAG, in lower case",
                name = short(name)
            );
            Error::invalid(why)
        })?;
        let reader = PartReader::new(&Arc::new(self.session()?), part, &OnProgress::default());
        let mut measured = Measured::default();
        reader.write_archive(&mut measured, |_| true)?;
        let layer = Blob {
            size: measured.size(),
            digest: measured.into_digest(),
        };
        let (os, architecture) = manifest
            .platform
            .split_once('/')
            .unwrap_or(("linux", &manifest.platform));
        let created = Timestamp::from(manifest.created).to_rfc3339();
        let diff_id = format!("sha256:{}", layer.digest);
        let config = json!({
            "architecture": architecture, "os": os, "created": created, "config": config,
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
            "history": [{ "created": created, "created_by": "isolate" }],
        });
        let config = config.to_string().into_bytes();
        let about = Blob::of(&config);
        let image = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": about.described(CONFIG),
            "layers": [layer.described(LAYER)],
        });
        let image = image.to_string().into_bytes();
        let mut entry = Blob::of(&image).described(MANIFEST);
        entry["platform"] = json!({ "architecture": architecture, "os": os });
        entry["annotations"] = json!({
            "io.containerd.image.name": named.to_string(),
            "org.opencontainers.image.ref.name": named.tag(),
        });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        // Older daemons read this one.
        let older =
            json!([{ "Config": about.path(), "RepoTags": [named.familiar()], "Layers": [layer.path()] }]);
        let mut archive = tar::Builder::new(to);
        for (path, content) in [
            (
                "oci-layout".to_owned(),
                br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
            ),
            ("index.json".to_owned(), index.to_string().into_bytes()),
            ("manifest.json".to_owned(), older.to_string().into_bytes()),
            (Blob::of(&image).path(), image),
            (about.path(), config),
        ] {
            let mut header = file_header(content.len() as u64);
            archive
                .append_data(&mut header, path, &content[..])
                .map_err(|error| failed(&error))?;
        }
        let mut header = file_header(layer.size);
        header.set_path(layer.path()).map_err(|error| failed(&error))?;
        header.set_cksum();
        let to = archive.get_mut();
        to.write_all(header.as_bytes()).map_err(|error| failed(&error))?;
        // The layer is an archive itself, so it fills whole blocks.
        reader.write_archive(to, |_| true)?;
        archive
            .into_inner()
            .and_then(|mut to| to.flush())
            .map_err(|error| failed(&error))
    }
}

fn failed(error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("the image cannot be written: {error}"))
}
