//! Which API version the client uses.

use engine_api::containers::StopContainer;
use engine_api::{Docker, ErrorKind, Result, Version};
use fake_engine::scripted::{ScriptedEngine, reply};

use crate::support::{abandon_after, block_on, fails, healthy, in_own_process, is_own_process};

/// An engine that reports a version, or none.
fn announcing(version: &str) -> ScriptedEngine {
    let header = format!("Api-Version: {version}");
    ScriptedEngine::answering(move |_| reply(200, &[&header], "OK"))
}

async fn negotiated(version: &str) -> Result<String> {
    let docker = announcing(version).docker();
    docker.version().await.map(|version| version.to_string())
}

#[tokio::test(start_paused = true)]
async fn older_of_both_versions_is_used() {
    for (theirs, spoken) in [
        ("1.41", "1.41"),
        ("1.43", "1.43"),
        ("1.52", "1.52"),
        ("1.99", "1.56"),
        ("2.0", "1.56"),
    ] {
        assert_eq!(negotiated(theirs).await.unwrap(), spoken);
    }
}

#[tokio::test(start_paused = true)]
async fn negotiated_version_prefixes_every_path_but_pings() {
    let fake = announcing("1.43");
    let docker = fake.docker();
    docker.raw("GET", "/info").send().await.unwrap();
    docker.system().ping().await.unwrap();
    docker.raw("GET", "/_ping").send().await.unwrap();
    assert_eq!(
        fake.requests(),
        ["HEAD /_ping", "GET /v1.43/info", "GET /_ping", "GET /_ping"]
    );
}

#[tokio::test(start_paused = true)]
async fn too_old_engine_is_rejected_with_its_version() {
    let error = fails(announcing("1.40").docker().version().await, ErrorKind::NeedsApi);
    assert!(
        error.to_string().contains("1.40") && error.to_string().contains("1.41"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_version_is_an_error() {
    for text in ["", "latest", "1", "1.x", "1.51.0", "-1.51", "1.51, 1.52"] {
        let error = fails(announcing(text).docker().version().await, ErrorKind::Protocol);
        assert!(error.to_string().contains("version"), "{error}");
    }
    let silent = ScriptedEngine::answering(|_| reply(200, &[], "OK"));
    fails(silent.docker().version().await, ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn failed_head_ping_is_followed_by_get() {
    let fake = ScriptedEngine::answering(|request| match request.method.as_str() {
        "HEAD" => reply(500, &[], ""),
        _ => reply(200, &["Api-Version: 1.44"], "OK"),
    });
    assert_eq!(fake.docker().version().await.unwrap().to_string(), "1.44");
    assert_eq!(fake.requests(), ["HEAD /_ping", "GET /_ping"]);
}

/// An engine that replies 503 to its first `failures` requests, and normally after that.
fn starting(failures: usize) -> ScriptedEngine {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    ScriptedEngine::answering(move |_| {
        if requests.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < failures {
            return b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        reply(200, &["Api-Version: 1.45"], "")
    })
}

#[tokio::test(start_paused = true)]
async fn failed_negotiation_is_repeated_by_the_next_call() {
    let fake = starting(2);
    let docker = fake.docker();
    let error = fails(docker.version().await, ErrorKind::Api);
    assert_eq!(error.status(), Some(503));
    assert_eq!(docker.version().await.unwrap().to_string(), "1.45");
    assert_eq!(fake.requests(), ["HEAD /_ping", "GET /_ping", "HEAD /_ping"]);
}

#[tokio::test(start_paused = true)]
async fn unreachable_engine_is_tried_once() {
    let fake = ScriptedEngine::new(|_peer| async { Ok(()) });
    fails(fake.docker().version().await, ErrorKind::Disconnected);
    assert_eq!(fake.counts().opened, 1);
}

#[tokio::test(start_paused = true)]
async fn concurrent_first_calls_negotiate_once() {
    let fake = healthy();
    let docker = fake.docker();
    let calls = (0..32).map(|_| {
        let docker = docker.clone();
        tokio::spawn(async move { docker.raw("GET", "/info").send().await.map(drop) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!((fake.count("HEAD"), fake.count("GET")), (1, 32));
}

#[tokio::test(start_paused = true)]
async fn dropped_negotiation_is_repeated_by_the_next_call() {
    let fake = healthy();
    let docker = fake.docker();
    for waits in 0..6 {
        abandon_after(docker.version(), waits).await;
    }
    assert_eq!(docker.version().await.unwrap().to_string(), "1.51");
}

#[tokio::test(start_paused = true)]
async fn fixed_version_sends_no_ping() {
    let fake = healthy();
    let docker = fake.docker().with_version("v1.47".parse().unwrap());
    docker.raw("GET", "/info").send().await.unwrap();
    docker.raw("GET", "/v1.42/info").send().await.unwrap();
    assert_eq!(fake.requests(), ["GET /v1.47/info", "GET /v1.42/info"]);
}

#[tokio::test(start_paused = true)]
async fn fixed_version_does_not_affect_other_clones() {
    let docker = announcing("1.43").docker();
    let pinned = docker.clone().with_version("1.50".parse().unwrap());
    let spoken = async |docker: &Docker| docker.version().await.unwrap().to_string();
    assert_eq!(
        (spoken(&docker).await, spoken(&pinned).await),
        ("1.43".into(), "1.50".into())
    );
}

#[tokio::test(start_paused = true)]
async fn unsupported_field_is_rejected_before_sending() {
    let fake = announcing("1.41");
    let docker = fake.docker();
    let options = StopContainer {
        signal: "SIGINT".into(),
        ..Default::default()
    };
    let error = fails(
        docker.containers().stop("web", options).await,
        ErrorKind::NeedsApi,
    );
    assert!(
        error.to_string().contains("1.42") && error.to_string().contains("1.41"),
        "{error}"
    );
    let lacking = error.needs_api().unwrap();
    assert_eq!(lacking, ("StopContainer::signal", Version::new(1, 42)));
    assert_eq!(fake.requests(), ["HEAD /_ping"]);
}

#[test]
fn version_from_the_environment_sends_no_ping() {
    if is_own_process() {
        return block_on(async {
            let docker = Docker::from_env().await.unwrap();
            docker.raw("GET", "/info").send().await.unwrap();
        });
    }
    let fake = healthy();
    let socket = fake.on_unix().unwrap();
    let host = socket.client().address();
    let variables = [("DOCKER_HOST", &*host), ("DOCKER_API_VERSION", "v1.44")];
    in_own_process(
        "wire::version_negotiation::version_from_the_environment_sends_no_ping",
        &variables,
    );
    // The first request is the ping of `from_env`.
    assert_eq!(fake.requests(), ["GET /_ping", "GET /v1.44/info"]);
}
