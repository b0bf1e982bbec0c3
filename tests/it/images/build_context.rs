//! Build contexts and uploads from files that change while they are read. The caller gets an error,
//! and the engine never a short archive that looks complete.

use std::fs;
use std::path::{Path, PathBuf};

use engine_api::images::{BuildContext, BuildImage};
use engine_api::{Docker, Error, ErrorKind, Result, archive};
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply};

use crate::support::{fails, healthy};

/// A directory with a Dockerfile and a file of 8 MiB, which fits no buffer.
struct Project {
    directory: tempfile::TempDir,
    long: PathBuf,
}

const LONG: usize = 8 << 20;

fn project() -> Project {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Dockerfile"), "FROM scratch\nCOPY . /\n").unwrap();
    let long = directory.path().join("long");
    fs::write(&long, vec![b'x'; LONG]).unwrap();
    Project { directory, long }
}

async fn build(docker: &Docker, directory: &Path) -> Result<()> {
    let context = BuildContext::directory(directory);
    let progress = docker
        .images()
        .build(context, BuildImage::default(), None)
        .await?;
    progress.last().await.map(drop)
}

/// An engine that reads the start of a build context, calls `trick`, and reads the rest.
fn reading(trick: impl Fn() + Send + Sync + 'static) -> ScriptedEngine {
    let trick = std::sync::Arc::new(trick);
    ScriptedEngine::new(move |mut peer| {
        let trick = std::sync::Arc::clone(&trick);
        async move {
            peer.head().await?;
            peer.take(100_000).await?;
            trick();
            // Only the end of the connection may follow: the archive cannot be completed.
            peer.until_gone().await
        }
    })
}

fn names(error: &Error, path: &Path) {
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn pipe_in_a_context_is_rejected_before_sending() {
    let Project { directory, .. } = project();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let fake = healthy();
    let error = fails(
        build(&fake.docker(), directory.path()).await,
        ErrorKind::UploadSource,
    );
    names(&error, &pipe);
    assert_eq!(fake.counts().opened, 0);
    fs::write(directory.path().join(".dockerignore"), "pipe\n").unwrap();
    let built = ScriptedEngine::answering(|_| ok(r#"{"stream":"done"}"#));
    build(&built.client(), directory.path()).await.unwrap();
}

// On Linux, not even root can read this file.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn unreadable_file_fails_the_upload_by_name() {
    let unreadable = Path::new("/sys/bus/cpu/uevent");
    let fake = healthy();
    let docker = fake.client();
    let upload = archive::pack(unreadable, "x").unwrap();
    let containers = docker.containers();
    let outcome = containers.upload("web", "/", upload, Default::default()).await;
    let error = fails(outcome, ErrorKind::UploadSource);
    names(&error, unreadable);
    assert!(
        error.to_string().to_lowercase().contains("permission denied"),
        "{error}"
    );
    fake.until(|counts| counts.live == 0).await;
    assert!(fake.received().iter().all(|request| request.body.is_empty()));
}

#[tokio::test]
async fn vanished_file_fails_the_build_by_name() {
    let Project { directory, long } = project();
    let gone = directory.path().join("z");
    fs::write(&gone, "z").unwrap();
    let fake = reading({
        let gone = gone.clone();
        move || fs::remove_file(&gone).unwrap()
    });
    let error = fails(
        build(&fake.client(), directory.path()).await,
        ErrorKind::UploadSource,
    );
    names(&error, &gone);
    assert!(long.exists());
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test]
async fn shrunken_file_fails_the_build_by_name() {
    let Project { directory, long } = project();
    let fake = reading({
        let long = long.clone();
        move || fs::write(&long, "short").unwrap()
    });
    let error = fails(
        build(&fake.client(), directory.path()).await,
        ErrorKind::UploadSource,
    );
    names(&error, &long);
    assert!(error.to_string().contains("shrank"), "{error}");
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test]
async fn grown_file_is_sent_with_its_first_length() {
    let Project { directory, long } = project();
    let fake = ScriptedEngine::new(move |mut peer| {
        let long = long.clone();
        async move {
            let Some(request) = peer.head().await? else {
                return Ok(());
            };
            assert_eq!(request.header("transfer-encoding"), Some("chunked"));
            let begun = peer.take(100_000).await?.len();
            fs::write(&long, vec![b'y'; 2 * LONG]).unwrap();
            let sent = begun + peer.until(b"\r\n0\r\n\r\n").await?.len();
            // Two headers, the large file, the end of the archive, and the overhead of chunks.
            assert!((LONG..LONG + 100_000).contains(&sent), "{sent} bytes were sent");
            peer.write(ok(r#"{"stream":"done"}"#)).await
        }
    });
    build(&fake.client(), directory.path()).await.unwrap();
}

#[tokio::test]
async fn early_refusal_stops_reading_the_context() {
    let Project { directory, .. } = project();
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.head().await?;
        peer.write(reply(400, &[JSON], r#"{"message":"no build today"}"#))
            .await
    });
    let error = fails(build(&fake.client(), directory.path()).await, ErrorKind::Api);
    assert_eq!(error.message(), Some("no build today"));
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test]
async fn credentials_for_buildkit_pull_base_images() {
    let directory = tempfile::tempdir().unwrap();
    // The builder reports the invalid name with its line.
    let dockerfile = "FROM registry.example/a AS a\nFROM UPPER AS u\nFROM other.example/b\n\
                      COPY --from=a x y\nCOPY --from=u x y\n";
    fs::write(directory.path().join("Dockerfile"), dockerfile).unwrap();
    let registries = [(
        "registry.example".to_owned(),
        engine_api::auth::RegistryAuth::user("a", "b"),
    )];
    let options = BuildImage {
        builder: engine_api::images::Builder::BuildKit,
        ..Default::default()
    };
    for (podman, pulls) in [("", 1), ("Libpod-Api-Version: 5.8.6", 0)] {
        let fake = ScriptedEngine::answering(move |request| match request.target.as_str() {
            target if target.contains("_ping") && podman.is_empty() => reply(200, &["Api-Version: 1.51"], ""),
            target if target.contains("_ping") => reply(200, &["Api-Version: 1.51", podman], ""),
            target if target.ends_with("/json") => reply(404, &[JSON], r#"{"message":"no such image"}"#),
            _ => ok(r#"{"stream":"done"}"#),
        });
        // With a version of the user, the engine is asked for its kind.
        let docker = fake.client();
        let images = docker.images();
        let context = BuildContext::directory(directory.path());
        let registries = registries.clone().into();
        let built = images.build(context, options.clone(), Some(&registries)).await;
        built.unwrap().last().await.unwrap();
        let received = fake.received();
        let pulled = received
            .iter()
            .filter(|request| request.target.contains("/images/create"));
        let pulled: Vec<_> = pulled.collect();
        assert_eq!(pulled.len(), pulls);
        for pull in pulled {
            assert!(pull.target.contains("registry.example%2Fa"), "{}", pull.target);
            assert!(pull.header("x-registry-auth").is_some());
        }
        assert!(received.iter().any(|request| request.target.contains("/build")));
        if podman.is_empty() {
            let archive = BuildContext::tar("not read");
            let refused = images.build(archive, options.clone(), Some(&registries)).await;
            fails(refused, ErrorKind::Unsupported);
        }
    }
}

#[tokio::test]
async fn wrong_build_is_an_error_before_anything_is_sent() {
    let fake = healthy();
    let docker = fake.client();
    let options = BuildImage {
        tags: vec![" ".into()],
        ..Default::default()
    };
    let built = docker
        .images()
        .build(BuildContext::tar("not read"), options, None)
        .await;
    let error = fails(built, ErrorKind::InvalidInput);
    assert_eq!(error.operation(), Some("ImageBuild"));
    assert!(error.to_string().contains("names is empty"), "{error}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn build_without_an_image_is_an_error() {
    let fake = ScriptedEngine::answering(|_| ok(r#"{"stream":"done"}"#));
    let docker = fake.client();
    let options = BuildImage::default();
    let build = docker
        .images()
        .build(BuildContext::tar("not read"), options, None)
        .await;
    let error = fails(build.unwrap().built().await, ErrorKind::Protocol);
    assert!(
        error.to_string().contains("without the id of an image"),
        "{error}"
    );
}
