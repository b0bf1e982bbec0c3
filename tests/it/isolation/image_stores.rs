//! Images that leave a daemon, imported by the engine `sandbox`, and built images without a user.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use engine_api::Docker;
use fake_engine::scripted::{JSON, Request, ScriptedEngine, ok, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::ErrorKind;
use isolation::engines::docker::DockerEngine;
use isolation::engines::docker::labels;
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage, SandboxImage};
use tests::chain;

const IMAGE: &str = "busybox:latest";

/// A directory that every user may enter.
fn open_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o711)).unwrap();
    directory
}

fn sandbox(directory: &Path) -> SandboxEngine {
    SandboxEngine::below(directory).with_cache(directory.join("images"))
}

fn named(image: Option<&str>, name: Option<&str>) -> ImportImage {
    let mut options = ImportImage::default();
    (options.image, options.name) = (image.map(str::to_owned), name.map(str::to_owned));
    options
}

/// Imports what a daemon gives.
async fn import(
    engine: &SandboxEngine,
    fake: &FakeEngine,
    options: ImportImage,
) -> isolation::Result<SandboxImage> {
    let daemon = DockerEngine::new(Docker::with_connector(fake.clone()));
    let archive = daemon.images().save(&[IMAGE]).await.unwrap();
    engine
        .images()
        .import(ImageSource::Archive(archive), options)
        .await
}

#[tokio::test]
async fn image_of_a_daemon_is_imported_once() {
    let (fake, directory) = (FakeEngine::new().with_image(IMAGE), open_directory());
    let engine = sandbox(directory.path());
    let image = import(&engine, &fake, named(Some(IMAGE), None)).await;
    let image = image.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(image.names, [IMAGE]);
    assert!(image.size > 0 && image.environments.is_empty(), "{image:?}");
    let again = import(&engine, &fake, named(Some(IMAGE), Some("mine:1")))
        .await
        .unwrap();
    assert_eq!(again.id, image.id);
    assert_eq!(again.names, [IMAGE, "mine:1"]);
    assert_eq!(engine.images().list().await.unwrap(), [again]);
    let error = engine.images().remove("other:1").await.unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    assert_eq!(engine.images().prune().await.unwrap(), [image.id]);
    assert_eq!(engine.images().list().await.unwrap(), []);
}

#[tokio::test]
async fn import_that_fails_keeps_nothing() {
    let (fake, directory) = (FakeEngine::new().with_image(IMAGE), open_directory());
    let engine = sandbox(directory.path());
    let mut small = named(Some(IMAGE), None);
    small.most_bytes = Some(100);
    for (options, words) in [
        (named(None, None), "name the image"),
        (
            named(Some(IMAGE), Some("UPPER CASE")),
            "is not a name of an image",
        ),
        (
            named(Some(IMAGE), Some("a@sha256:0")),
            "is not a name of an image",
        ),
        (small, "larger than the limit of an import"),
    ] {
        let error = import(&engine, &fake, options.clone()).await.unwrap_err();
        let text = chain(&error);
        assert!(text.contains(words), "{options:?}: {text}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{options:?}: {text}");
        assert_eq!(engine.images().list().await.unwrap(), [], "{options:?}");
    }
    // The connection to the daemon is lost before the archive has ended.
    fake.fail_next("GET", "/get", Fault::Disconnect);
    let daemon = DockerEngine::new(Docker::with_connector(fake.clone()));
    match daemon.images().save(&[IMAGE]).await {
        Ok(archive) => {
            let options = named(Some(IMAGE), None);
            let cut = engine
                .images()
                .import(ImageSource::Archive(archive), options)
                .await;
            let text = chain(&cut.unwrap_err());
            assert!(text.contains("import the image"), "{text}");
        }
        Err(error) => assert!(chain(&error).contains("connection"), "{}", chain(&error)),
    }
    assert_eq!(engine.images().list().await.unwrap(), []);
}

#[tokio::test]
async fn closed_directory_of_images_is_named() {
    use std::os::unix::fs::MetadataExt;

    // Only users that are not the owner are kept out.
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let directory = open_directory();
    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    let engine = SandboxEngine::below(directory.path()).with_cache(closed.join("images"));
    let error = engine.images().list().await.unwrap_err();
    let text = chain(&error);
    for word in ["cannot enter", "closed", "XDG_CACHE_HOME"] {
        assert!(text.contains(word), "{text}");
    }
}

/// A daemon with built images, whose removals end with these statuses.
fn with_built(removals: &'static [(&'static str, u16)]) -> ScriptedEngine {
    let image = |name: &str, id: &str| {
        format!(
            r#"{{"Id": "sha256:{id}", "RepoTags": ["{name}"], "Size": 1, "Created": 1, "Labels": {{"{}": "x"}}}}"#,
            labels::BUILD
        )
    };
    let mut all: Vec<String> = removals
        .iter()
        .map(|(name, _)| image(&format!("localhost/isolate-build:{name}"), name))
        .collect();
    all.push(image("localhost/isolate-build:in-use", "in-use"));
    // Made from a built image: it has the label, but not the name.
    all.push(image("mine:1", "mine"));
    let images = format!("[{}]", all.join(","));
    ScriptedEngine::answering(move |request: &Request| {
        let target = request.target.as_str();
        let name = target.rsplit(':').next().unwrap_or_default();
        let name = name.split('?').next().unwrap_or_default();
        match request.method.as_str() {
            "HEAD" => reply(200, &["Api-Version: 1.51"], ""),
            "GET" if target.contains("/images/json") => ok(&images),
            "GET" if target.contains("/containers/json") => {
                ok(r#"[{"Id": "c", "ImageID": "sha256:in-use", "Labels": {}}]"#)
            }
            "DELETE" => {
                let found = removals.iter().find(|(built, _)| *built == name);
                match found.map_or(500, |(_, status)| *status) {
                    200 => ok("[]"),
                    status => reply(status, &[JSON], r#"{"message": "no"}"#),
                }
            }
            _ => reply(404, &[JSON], r#"{"message": "no such thing"}"#),
        }
    })
}

#[tokio::test]
async fn built_images_that_nobody_uses_are_removed() {
    let daemon = with_built(&[("unused", 200), ("taken", 409), ("gone", 404)]);
    let engine = DockerEngine::new(daemon.docker());
    let mut pruned = engine.images().prune().await.unwrap();
    pruned.used.sort();
    assert_eq!(pruned.removed, ["localhost/isolate-build:unused"]);
    assert_eq!(
        pruned.used,
        ["localhost/isolate-build:in-use", "localhost/isolate-build:taken"]
    );
    let requests = daemon.requests();
    assert!(!requests.iter().any(|one| one.contains("mine:1")), "{requests:?}");

    let broken = with_built(&[("broken", 500)]);
    let error = DockerEngine::new(broken.docker())
        .images()
        .prune()
        .await
        .unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("remove the image localhost/isolate-build:broken"),
        "{text}"
    );
}
