//! Builds in a session that fail before the engine builds.

use std::fs;

use engine_api::auth::RegistryAuth;
use engine_api::images::{
    BuildContext, BuildImage, BuildSecret, BuildSession, LocalOutput, NamedContext, SshAgent,
};
use engine_api::{ErrorKind, Timeouts};
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply, upgraded};

use crate::support::fails;

/// An engine with an API version, without sessions and without gRPC.
fn without_sessions(version: &'static str, more: &'static str) -> ScriptedEngine {
    ScriptedEngine::answering(move |request| match request.target.contains("_ping") {
        true if more.is_empty() => reply(200, &[version], ""),
        true => reply(200, &[version, more], ""),
        false if request.target.contains("/build") => ok(r#"{"stream":"done"}"#),
        false => reply(404, &[JSON], r#"{"message":"page not found"}"#),
    })
}

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    directory
}

#[tokio::test]
async fn engine_without_sessions_is_an_error() {
    let directory = project();
    for version in ["Api-Version: 1.51", "Api-Version: 1.54"] {
        for connect in [None, Timeouts::default().connect] {
            let fake = without_sessions(version, "");
            let docker = fake.docker().with_timeouts(Timeouts {
                connect,
                ..Timeouts::default()
            });
            let images = docker.images();
            let context = BuildContext::directory(directory.path());
            let build = images.build_with_session(context, BuildImage::default(), BuildSession::default());
            let error = fails(build.await, ErrorKind::Unsupported);
            assert_eq!(error.operation(), Some("ImageBuild"));
            assert!(error.to_string().contains("no sessions"), "{error}");
            assert!(!fake.requests().iter().any(|request| request.contains("/build")));
        }
    }
}

#[tokio::test]
async fn error_of_a_session_is_that_of_the_engine() {
    let directory = project();
    for session in [500, 101] {
        let fake = ScriptedEngine::answering(move |request| {
            match (
                request.target.contains("_ping"),
                request.target.contains("/session"),
            ) {
                (true, _) => reply(200, &["Api-Version: 1.51"], ""),
                (_, true) if session == 101 => upgraded(&[]),
                _ => reply(500, &[JSON], r#"{"message":"no space left"}"#),
            }
        });
        let docker = fake.docker();
        let images = docker.images();
        let context = BuildContext::directory(directory.path());
        let options = BuildImage {
            tags: vec!["mine:1".into()],
            ..Default::default()
        };
        let build = images.build_with_session(context, options, BuildSession::default());
        let error = fails(build.await, ErrorKind::Api);
        assert_eq!(error.message(), Some("no space left"));
        let operation = if session == 101 { "ImageBuild" } else { "Session" };
        assert_eq!(error.operation(), Some(operation));
    }
}

#[tokio::test]
async fn podman_gets_credentials_and_nothing_else() {
    let directory = project();
    let fake = without_sessions("Api-Version: 1.41", "Libpod-Api-Version: 5.8.6");
    let docker = fake.docker();
    let images = docker.images();
    let context = || BuildContext::directory(directory.path());
    let registries = [("r:5000".to_owned(), RegistryAuth::user("u", "p"))];
    let session = BuildSession {
        registries: registries.into(),
        ..Default::default()
    };
    let built = images.build_with_session(context(), BuildImage::default(), session.clone());
    built.await.unwrap().last().await.unwrap();
    let received = fake.received();
    assert!(
        received
            .iter()
            .any(|request| request.header("x-registry-config").is_some())
    );
    let secret = BuildSession {
        secrets: [("s".to_owned(), BuildSecret::Bytes(Vec::new()))].into(),
        ..session
    };
    let refused = images.build_with_session(context(), BuildImage::default(), secret);
    fails(refused.await, ErrorKind::Unsupported);
}

#[tokio::test]
async fn wrong_input_is_an_error_before_anything_is_sent() {
    let directory = project();
    let own = |session| (directory.path().to_owned(), BuildImage::default(), session);
    let empty = tempfile::tempdir().unwrap();
    let ignore = project();
    fs::write(ignore.path().join(".dockerignore"), "[\n").unwrap();
    let missing_secret = BuildSession {
        secrets: [("s".to_owned(), BuildSecret::File("no/such/secret".into()))].into(),
        ..Default::default()
    };
    let missing_agent = BuildSession {
        ssh: [("git".to_owned(), SshAgent::Socket("/no/such/agent".into()))].into(),
        ..Default::default()
    };
    let missing_context = BuildSession {
        contexts: [(
            "base".to_owned(),
            NamedContext::Directory("no/such/context".into()),
        )]
        .into(),
        ..Default::default()
    };
    let output = BuildSession {
        output: Some(LocalOutput::Tar("out.tar".into())),
        ..Default::default()
    };
    let tagged = BuildImage {
        tags: vec!["x".into()],
        ..Default::default()
    };
    let cases = [
        (
            (
                empty.path().to_owned(),
                BuildImage::default(),
                BuildSession::default(),
            ),
            "Dockerfile",
        ),
        (
            (
                ignore.path().to_owned(),
                BuildImage::default(),
                BuildSession::default(),
            ),
            "line 1 of .dockerignore",
        ),
        (own(missing_secret), "no/such/secret"),
        (own(missing_agent), "\"git\""),
        (own(missing_context), "\"base\""),
        ((directory.path().to_owned(), tagged, output), "`tags`"),
    ];
    for ((path, options, session), named) in cases {
        let fake = without_sessions("Api-Version: 1.51", "");
        let docker = fake.docker();
        let images = docker.images();
        let build = images.build_with_session(BuildContext::directory(path), options, session);
        let error = build.await.unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
        let sent = fake.requests();
        assert!(sent.iter().all(|request| request.contains("_ping")), "{sent:?}");
    }
}

#[tokio::test]
async fn named_contexts_need_an_engine_that_knows_them() {
    let directory = project();
    let session = BuildSession {
        contexts: [("base".to_owned(), NamedContext::Image("busybox".into()))].into(),
        ..Default::default()
    };
    for (version, context, kind) in [
        (
            "Api-Version: 1.41",
            BuildContext::directory(directory.path()),
            ErrorKind::Unsupported,
        ),
        (
            "Api-Version: 1.51",
            BuildContext::dockerfile("FROM base"),
            ErrorKind::InvalidInput,
        ),
    ] {
        let fake = without_sessions(version, "");
        let docker = fake.docker();
        let images = docker.images();
        let build = images.build_with_session(context, BuildImage::default(), session.clone());
        fails(build.await, kind);
        assert!(fake.requests().iter().all(|request| request.contains("_ping")));
    }
}
