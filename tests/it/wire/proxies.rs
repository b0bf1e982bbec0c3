//! Proxies in front of an engine that refuse a part of the API, and the version behind them.

use engine_api::containers::CreateContainer;
use engine_api::{Docker, ErrorKind, Version};
use fake_engine::scripted::{JSON, Request, ScriptedEngine, ok, reply};

use crate::support::{block_on, fails, in_own_process, is_own_process};

/// The answer of HAProxy to a request that its rules forbid.
const FORBIDDEN: &str = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n\
                         </body></html>";

/// An engine of API 1.44 behind a proxy that refuses the paths in `refused` with `status`.
fn behind_proxy(status: u16, refused: &'static [&'static str]) -> ScriptedEngine {
    ScriptedEngine::answering(move |request| answer(request, status, refused))
}

fn answer(request: &Request, status: u16, refused: &[&str]) -> Vec<u8> {
    if refused.iter().any(|path| request.target.ends_with(path)) {
        return reply(status, &["Content-Type: text/html"], FORBIDDEN);
    }
    match request.target.as_str() {
        "/_ping" => reply(200, &["Api-Version: 1.44"], "OK"),
        "/version" => ok(r#"{"ApiVersion":"1.44","Components":null}"#),
        _ => ok("[]"),
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ping_is_followed_by_version() {
    for status in [403, 404] {
        let fake = behind_proxy(status, &["/_ping"]);
        let docker = fake.docker();
        docker.containers().list(Default::default()).await.unwrap();
        assert_eq!(
            fake.requests(),
            [
                "HEAD /_ping",
                "GET /_ping",
                "GET /version",
                "GET /v1.44/containers/json"
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_ping_and_version_the_oldest_is_used() {
    for status in [403, 404] {
        let fake = behind_proxy(status, &["/_ping", "/version"]);
        let docker = fake.docker();
        assert_eq!(docker.version().await.unwrap(), Version::OLDEST);
        docker.containers().list(Default::default()).await.unwrap();
        assert_eq!(fake.requests().last().unwrap(), "GET /v1.41/containers/json");
        // The error of a newer feature explains why the version is not known.
        let mut container = CreateContainer {
            image: "busybox".into(),
            ..Default::default()
        };
        container.host_config.annotations.insert("a".into(), "b".into());
        let error = fails(docker.containers().create(container).await, ErrorKind::NeedsApi);
        let text = error.to_string();
        assert!(
            text.contains("DOCKER_API_VERSION") && text.contains("/_ping"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn other_refusals_of_a_ping_stay_errors() {
    for status in [400, 401, 405, 407, 500, 502, 503] {
        let fake = behind_proxy(status, &["/_ping"]);
        let error = fails(fake.docker().version().await, ErrorKind::Api);
        assert_eq!(error.status(), Some(status), "{error}");
        assert_eq!(fake.requests(), ["HEAD /_ping", "GET /_ping"]);
    }
    let fake = ScriptedEngine::answering(|request| match request.target.as_str() {
        "/version" => reply(500, &[], "out of order"),
        _ => reply(403, &[], ""),
    });
    let error = fails(fake.docker().version().await, ErrorKind::Api);
    assert_eq!(
        (error.operation(), error.status()),
        (Some("SystemVersion"), Some(500))
    );
}

#[tokio::test(start_paused = true)]
async fn refusal_with_a_version_needs_no_second_question() {
    // A plugin of the engine refuses: the engine itself has sent the header.
    let fake = ScriptedEngine::answering(|_| {
        reply(
            403,
            &["Api-Version: 1.44", JSON],
            r#"{"message":"authorization denied by plugin"}"#,
        )
    });
    assert_eq!(fake.docker().version().await.unwrap().to_string(), "1.44");
    assert_eq!(fake.requests(), ["HEAD /_ping", "GET /_ping"]);
}

#[tokio::test(start_paused = true)]
async fn version_of_a_podman_is_read_without_ping() {
    let fake = ScriptedEngine::answering(|request| match request.target.as_str() {
        "/version" => ok(r#"{"ApiVersion":"1.41","Components":[{"Name":"Podman Engine"}]}"#),
        _ => reply(403, &[], FORBIDDEN),
    });
    assert_eq!(fake.docker().version().await.unwrap(), Version::OLDEST);
}

#[tokio::test(start_paused = true)]
async fn version_reply_without_a_version_is_an_error() {
    for (json, kind) in [
        ("{}", ErrorKind::Protocol),
        ("<html>", ErrorKind::Protocol),
        (r#"{"ApiVersion":7}"#, ErrorKind::Decode),
        (r#"{"ApiVersion":"latest"}"#, ErrorKind::Protocol),
        (r#"{"ApiVersion":"1.24"}"#, ErrorKind::NeedsApi),
    ] {
        let fake = ScriptedEngine::answering(move |request| match request.target.as_str() {
            "/version" => ok(json),
            _ => reply(403, &[], ""),
        });
        fails(fake.docker().version().await, kind);
    }
}

#[test]
fn engine_behind_a_refusing_proxy_is_found() {
    if is_own_process() {
        return block_on(async {
            let docker = Docker::from_env().await.unwrap();
            docker.containers().list(Default::default()).await.unwrap();
            let probed = Docker::probe_all().await.unwrap();
            assert_eq!((probed.len(), &probed[0].error), (1, &None));
        });
    }
    for (version, path) in [("", "/v1.41/containers/json"), ("1.43", "/v1.43/containers/json")] {
        let fake = behind_proxy(403, &["/_ping", "/version"]);
        let socket = fake.on_unix().unwrap();
        let host = socket.client().address();
        in_own_process(
            "wire::proxies::engine_behind_a_refusing_proxy_is_found",
            &[("DOCKER_HOST", &*host), ("DOCKER_API_VERSION", version)],
        );
        assert!(
            fake.requests().contains(&format!("GET {path}")),
            "{:?}",
            fake.requests()
        );
    }
}
