//! Builds by BuildKit in a session, on a scripted engine that plays its part.

use std::sync::{Arc, Mutex};

use engine_api::images::{BuildSecret, Builder, LocalOutput, NamedContext};
use fake_engine::scripted::{JSON, Request, ScriptedEngine, ok, reply};
use isolation::engines::docker::{BuildSpec, DockerEngine};
use isolation::{ErrorKind, Result};
use tests::chain;

/// The ID of the built image, without `sha256:`.
const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// An engine with the base image that builds with these lines. It has the built image if it was
/// tagged.
fn engine(version: &'static [&'static str], lines: String) -> ScriptedEngine {
    let tagged = Arc::new(Mutex::new(false));
    ScriptedEngine::new(move |mut peer| {
        let (lines, tagged) = (lines.clone(), Arc::clone(&tagged));
        async move {
            while let Some(request) = peer.request().await? {
                if request.target.contains("/session") {
                    let head =
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
                    peer.write(head).await?;
                    return peer.until_gone().await;
                }
                let bytes = answer(&request, version, &lines, &tagged);
                peer.write(bytes).await?;
            }
            Ok(())
        }
    })
}

fn answer(request: &Request, version: &[&str], lines: &str, tagged: &Mutex<bool>) -> Vec<u8> {
    let mut is_tagged = tagged.lock().unwrap();
    let target = request.target.as_str();
    let image = |id: &str| {
        ok(&format!(
            r#"{{"Id":"sha256:{id}","Os":"linux","Architecture":"amd64"}}"#
        ))
    };
    match request.method.as_str() {
        "HEAD" => reply(200, version, ""),
        "GET" if target.contains("_ping") => reply(200, version, "OK"),
        "GET" if target.ends_with("/images/base/json") => image(&"1".repeat(64)),
        "GET" if target.contains("isolate-build") && *is_tagged => image(DIGEST),
        "POST" if target.contains("/build") => ok(lines),
        "POST" if target.contains("/tag") => {
            *is_tagged = true;
            reply(201, &[], "")
        }
        _ => reply(404, &[JSON], r#"{"message":"No such image"}"#),
    }
}

const DOCKER: &[&str] = &["Api-Version: 1.51", "Builder-Version: 2"];

const PODMAN: &[&str] = &["Api-Version: 1.41", "Libpod-Api-Version: 5.8.6"];

fn built() -> String {
    let id = format!(r#"{{"id":"moby.image.id","aux":{{"ID":"sha256:{DIGEST}"}}}}"#);
    format!("{}\n{id}\n", r#"{"stream":"one line\n"}"#)
}

fn spec() -> BuildSpec {
    BuildSpec {
        files: [("Dockerfile".to_owned(), b"FROM base\nRUN make\n".to_vec())].into(),
        secrets: [("token".to_owned(), BuildSecret::Bytes(b"hunter2".to_vec()))].into(),
        ..BuildSpec::default()
    }
}

fn docker(fake: &ScriptedEngine) -> DockerEngine {
    DockerEngine::new(fake.docker())
}

#[tokio::test]
async fn built_image_has_its_id_in_its_name() {
    let fake = engine(DOCKER, built());
    let docker = docker(&fake);
    let tagged = BuildSpec {
        tags: vec!["app:1".to_owned()],
        ..spec()
    };
    for cached in [false, true] {
        let mut log = String::new();
        let image = docker.images().build(&tagged, |text| log.push_str(text)).await;
        let image = image.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(image.id, format!("sha256:{DIGEST}"));
        assert_eq!(image.name, format!("localhost/isolate-build:{DIGEST}"));
        assert_eq!(image.cached, cached);
        assert!(log.ends_with("one line\n"), "{log}");
    }
    let requests = fake.requests();
    let builds: Vec<_> = requests.iter().filter(|one| one.contains("/build?")).collect();
    assert_eq!(builds.len(), 2, "BuildKit is always asked: {requests:#?}");
    for part in ["t=app%3A1", "session=", "version=2"] {
        assert!(builds.iter().all(|one| one.contains(part)), "{part}: {builds:?}");
    }
    let tags = requests.iter().filter(|one| one.contains("/tag?")).count();
    assert_eq!(tags, 1, "{requests:#?}");
    assert!(!format!("{:?}", fake.received()).contains("hunter2"));
}

#[tokio::test]
async fn build_without_an_image_is_an_error() {
    let failed = r#"{"errorDetail":{"message":"failed to solve: make failed"},"error":"failed"}"#;
    for (lines, words) in [
        (
            r#"{"stream":"one line\n"}"#.to_owned(),
            "ended without the ID of an image",
        ),
        (failed.to_owned(), "failed to solve: make failed"),
    ] {
        let docker = docker(&engine(DOCKER, lines));
        let error = docker.images().build(&spec(), |_| ()).await.unwrap_err();
        assert_eq!(error.operation(), Some("build the image"));
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

async fn output(fake: &ScriptedEngine, spec: &BuildSpec) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let output = LocalOutput::Directory(directory.path().to_owned());
    let mut log = String::new();
    let built = docker(fake)
        .images()
        .build_output(spec, output, |text| log.push_str(text))
        .await;
    assert_eq!(built.is_ok(), log.contains("one line"), "{log}");
    built
}

#[tokio::test]
async fn result_on_this_machine_makes_no_image() {
    let fake = engine(DOCKER, r#"{"stream":"one line\n"}"#.to_owned());
    output(&fake, &spec()).await.unwrap();
    let requests = fake.requests();
    assert!(
        requests
            .iter()
            .any(|one| one.contains("/build?") && one.contains("outputs=")),
        "{requests:#?}"
    );
    assert!(!requests.iter().any(|one| one.contains("/tag")), "{requests:#?}");
}

#[tokio::test]
async fn result_on_this_machine_that_is_impossible() {
    let tagged = BuildSpec {
        tags: vec!["app:1".to_owned()],
        ..spec()
    };
    let classic = BuildSpec {
        builder: Some(Builder::Classic),
        ..spec()
    };
    let plain = BuildSpec {
        without_session: true,
        ..spec()
    };
    let named = BuildSpec {
        contexts: [("base".to_owned(), NamedContext::Image("busybox".into()))].into(),
        ..spec()
    };
    for (version, spec, kind, words) in [
        (DOCKER, tagged, ErrorKind::InvalidInput, "leave the tags out"),
        (DOCKER, classic, ErrorKind::InvalidInput, "use BuildKit"),
        (DOCKER, plain, ErrorKind::InvalidInput, "without a session"),
        (DOCKER, named, ErrorKind::InvalidInput, "as the main context"),
        (PODMAN, spec(), ErrorKind::Unsupported, "Podman has no sessions"),
    ] {
        let fake = engine(version, built());
        let error = output(&fake, &spec).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert_eq!(error.operation(), Some("build the files"));
        assert!(!fake.requests().iter().any(|one| one.contains("/build?")));
    }
    // Neither does Podman get the secrets of an image.
    let podman = docker(&engine(PODMAN, built()));
    let error = podman.images().build(&spec(), |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
}
