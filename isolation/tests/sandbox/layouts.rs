//! The layouts in which images come: directories and archives of OCI, archives of `docker save`;
//! which of several images is meant, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage, SandboxImage};
use isolation::{ErrorKind, Result};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use crate::images::{append, architecture, digest, saved};
use crate::support::{Fixture, base};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const NAME: &str = "org.opencontainers.image.ref.name";

/// An engine with a cache of its own, and the directory of a layout.
struct Place {
    cache: TempDir,
    engine: SandboxEngine,
    layout: PathBuf,
}

impl Place {
    /// `None` where no sandbox can be started, which is printed.
    async fn new() -> Option<Self> {
        let fixture = Fixture::new().await?;
        let cache = base();
        let engine = SandboxEngine::below(fixture.base.path()).with_cache(cache.path().join("images"));
        let layout = cache.path().join("layout");
        fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        Some(Self {
            cache,
            engine,
            layout,
        })
    }

    /// Writes a file of the layout; returns its descriptor.
    fn blob(&self, content: &[u8]) -> Value {
        let hex = digest(content);
        fs::write(self.layout.join("blobs/sha256").join(&hex), content).unwrap();
        json!({"digest": format!("sha256:{hex}"), "size": content.len()})
    }

    /// Writes an image whose layer has this file; returns the descriptor of its manifest.
    fn image(&self, file: &str, architecture: &str) -> Value {
        self.image_with(file, architecture, |layer| layer)
    }

    /// The same with another descriptor of its layer.
    fn image_with(&self, file: &str, architecture: &str, change: impl Fn(Value) -> Value) -> Value {
        let layer = layer(file);
        let config = json!({
            "os": "linux", "architecture": architecture, "config": null,
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))]},
        });
        let manifest = json!({
            "config": self.blob(config.to_string().as_bytes()),
            "layers": [change(self.blob(&layer))],
        });
        self.blob(manifest.to_string().as_bytes())
    }

    fn index(&self, manifests: &[Value]) {
        let text = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        fs::write(self.layout.join("index.json"), text).unwrap();
    }

    async fn import(&self, path: &Path, image: Option<&str>) -> Result<SandboxImage> {
        let mut options = ImportImage::default();
        options.image = image.map(str::to_owned);
        let source = ImageSource::Path(path.to_owned());
        self.engine.images().import(source, options).await
    }

    async fn fails(&self, image: Option<&str>, kind: ErrorKind, words: &str) {
        let error = self.import(&self.layout, image).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(self.engine.images().list().await.unwrap().is_empty());
        let left = fs::read_dir(self.cache.path().join("images")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "lock"), "{left:?}");
    }
}

fn layer(file: &str) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    append(&mut builder, file, b"content", 0o644);
    builder.into_inner().unwrap()
}

fn with(mut descriptor: Value, key: &str, value: Value) -> Value {
    descriptor[key] = value;
    descriptor
}

fn named(descriptor: Value, key: &str, name: &str) -> Value {
    with(descriptor, "annotations", json!({ key: name }))
}

#[tokio::test]
async fn image_of_a_layout_has_its_names() {
    for (key, name, expected) in [
        // Of Podman and skopeo, of buildx, of a tag alone.
        (NAME, "docker.io/library/app:9", &["app:9"][..]),
        (NAME, "registry.test/team/app:9", &["registry.test/team/app:9"]),
        ("io.containerd.image.name", "docker.io/library/app:8", &["app:8"]),
        (NAME, "9", &[]),
    ] {
        let Some(place) = Place::new().await else {
            return;
        };
        place.index(&[named(place.image("a", architecture()), key, name)]);
        let image = place.import(&place.layout, None).await.unwrap();
        assert_eq!(image.names, expected, "{name}");
        // By a name it is found under that only.
        let wanted = expected.first().copied().unwrap_or("9");
        let found = place.import(&place.layout, Some(wanted)).await;
        assert_eq!(found.is_ok(), !expected.is_empty(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn one_of_several_images_is_named() {
    let Some(place) = Place::new().await else {
        return;
    };
    let (one, other) = (place.image("a", architecture()), place.image("b", architecture()));
    let by_digest = other["digest"].as_str().unwrap().to_owned();
    place.index(&[named(one, NAME, "app:1"), named(other, NAME, "app:2")]);
    place
        .fails(None, ErrorKind::InvalidInput, "app:1, app:2; name one")
        .await;
    place
        .fails(Some("app:3"), ErrorKind::NotFound, "which has app:1, app:2")
        .await;
    let found = place.import(&place.layout, Some("app:2")).await.unwrap();
    assert_eq!(found.names, ["app:2"]);
    let same = place.import(&place.layout, Some(&by_digest)).await.unwrap();
    assert_eq!(same.id, found.id);
}

#[tokio::test]
async fn image_of_this_platform_is_chosen() {
    let Some(place) = Place::new().await else {
        return;
    };
    let platform = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    let (foreign, own) = (place.image("a", "s390x"), place.image("b", architecture()));
    let foreign = with(foreign, "platform", platform("s390x"));
    let list = |entries: &[Value]| {
        let text = json!({ "manifests": entries }).to_string();
        with(place.blob(text.as_bytes()), "mediaType", INDEX.into())
    };
    place.index(&[list(std::slice::from_ref(&foreign))]);
    place
        .fails(None, ErrorKind::Unsupported, "only for linux/s390x")
        .await;
    // It names no platform, its configuration does.
    place.index(&[with(foreign.clone(), "platform", Value::Null)]);
    place
        .fails(None, ErrorKind::Unsupported, "the image is one for linux/s390x")
        .await;
    let deep = (0..5).fold(own.clone(), |inner, _| list(&[inner]));
    place.index(&[deep]);
    place
        .fails(None, ErrorKind::Corrupt, "a list of lists of lists")
        .await;
    place.index(&[list(&[foreign, with(own, "platform", platform(architecture()))])]);
    place.import(&place.layout, None).await.unwrap();
}

#[tokio::test]
async fn damaged_layout_is_refused() {
    let Some(place) = Place::new().await else {
        return;
    };
    place
        .fails(None, ErrorKind::InvalidInput, "neither the manifest.json")
        .await;
    fs::write(place.layout.join("index.json"), "{").unwrap();
    place
        .fails(None, ErrorKind::Corrupt, "index.json is damaged")
        .await;
    place.index(&[json!({"digest": "md5:1"})]);
    place
        .fails(None, ErrorKind::Corrupt, "not a digest of SHA-256")
        .await;
    let missing = format!("sha256:{}", "0".repeat(64));
    place.index(&[json!({ "digest": missing })]);
    place
        .fails(None, ErrorKind::Corrupt, "the manifest sha256:0")
        .await;
    place.index(&[place.blob(b"{}")]);
    place
        .fails(None, ErrorKind::Corrupt, "has no configuration")
        .await;
    // The digest of the layer is right.
    let size = layer("a").len();
    for wrong in [0, size as u64 - 1, 1 << 62] {
        let change = |layer: Value| with(layer, "size", wrong.into());
        place.index(&[place.image_with("a", architecture(), change)]);
        let words = format!("has {size} bytes instead of {wrong}");
        place.fails(None, ErrorKind::Corrupt, &words).await;
    }
    let image = place.image("a", architecture());
    place.index(&[image]);
    let path = place.layout.join("blobs/sha256").join(digest(&layer("a")));
    fs::remove_file(&path).unwrap();
    place.fails(None, ErrorKind::Corrupt, "is missing").await;
    // Reading a pipe would never end.
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    place.fails(None, ErrorKind::InvalidInput, "is no file").await;
}

/// An archive whose second layer is a link to the first one, as those of old versions.
fn with_link(symbolic: bool) -> Vec<u8> {
    let layer = layer("a");
    let one = format!("\"sha256:{}\"", digest(&layer));
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","rootfs":{{"diff_ids":[{one},{one}]}}}}"#,
        architecture()
    );
    let id = digest(config.as_bytes());
    let manifest = format!(
        r#"[{{"Config":"{id}.json","RepoTags":["old:1"],"Layers":["one/layer.tar","two/layer.tar"]}}]"#
    );
    let mut builder = Builder::new(Vec::new());
    append(&mut builder, &format!("{id}.json"), config.as_bytes(), 0o644);
    append(&mut builder, "one/layer.tar", &layer, 0o644);
    let mut header = Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o777);
    header.set_uid(0);
    header.set_gid(0);
    let (kind, target) = match symbolic {
        true => (EntryType::Symlink, "../one/./layer.tar"),
        false => (EntryType::Link, "one/layer.tar"),
    };
    header.set_entry_type(kind);
    builder.append_link(&mut header, "two/layer.tar", target).unwrap();
    append(&mut builder, "manifest.json", manifest.as_bytes(), 0o644);
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn archive_may_be_compressed_and_have_links() {
    let Some(place) = Place::new().await else {
        return;
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, &with_link(true)).unwrap();
    let file = place.cache.path().join("archive");
    for archive in [with_link(true), with_link(false), packed.finish().unwrap()] {
        fs::write(&file, archive).unwrap();
        let image = place.import(&file, None).await.unwrap();
        assert_eq!(image.names, ["old:1"]);
        place.engine.images().remove("old:1").await.unwrap();
    }
    assert!(place.engine.images().prune().await.unwrap().is_empty());
}

#[tokio::test]
async fn image_may_be_named_in_its_archive() {
    let Some(place) = Place::new().await else {
        return;
    };
    let file = place.cache.path().join("archive.tar");
    fs::write(&file, saved(&[layer("a")], "{}", "app:1")).unwrap();
    let missing = place.import(&file, Some("app:2")).await.unwrap_err();
    assert!(
        missing.is_not_found() && missing.to_string().contains("app:1"),
        "{missing}"
    );
    let image = place.import(&file, Some("app")).await;
    assert!(image.unwrap_err().is_not_found(), "app means app:latest");
    let image = place
        .import(&file, Some("docker.io/library/app:1"))
        .await
        .unwrap();
    for reference in [&image.id[..], &image.id[7..19]] {
        assert_eq!(place.import(&file, Some(reference)).await.unwrap().id, image.id);
    }
    let mut small = ImportImage::default();
    small.most_bytes = Some(1000);
    fs::write(&file, saved(&[layer("b")], "{}", "app:2")).unwrap();
    let source = ImageSource::Path(file.clone());
    let error = place.engine.images().import(source, small).await.unwrap_err();
    assert!(error.to_string().contains("larger than the limit"), "{error}");
    for name in ["", "A B", "app@sha256:1"] {
        let mut options = ImportImage::default();
        options.name = Some(name.to_owned());
        let source = ImageSource::Path(file.clone());
        let error = place.engine.images().import(source, options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}: {error}");
    }
}
