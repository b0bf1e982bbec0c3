//! Callers that pass on foreign text, and engines that attack the client.

use std::sync::atomic::Ordering;

use engine_api::auth::RegistryAuth;
use engine_api::containers::{CreateContainer, ListContainers, StopContainer};
use engine_api::images::{PullImage, PushImage, SearchImages};
use engine_api::sessions::OpenSession;
use engine_api::{Docker, ErrorKind, Result};
use fake_engine::scripted::{ScriptedEngine, chunk, ok, reply};

use crate::support::{endless, fails, healthy, ping_error};

/// A text that would add a header and a request, if it came into a head as it is.
const INJECTION: &str = "x HTTP/1.1\r\nInjected: 1\r\n\r\nGET /injected HTTP/1.1\r\n\r\n";

/// Calls with the text in every place of a head that takes text: paths, queries and headers.
async fn calls_with(docker: &Docker, text: &str) -> Vec<Result<()>> {
    let auth = RegistryAuth {
        server_address: text.into(),
        ..RegistryAuth::user(text, text)
    };
    let named = CreateContainer {
        image: "busybox".into(),
        name: Some(text.into()),
        ..Default::default()
    };
    let platform = CreateContainer {
        image: text.into(),
        platform: Some(text.into()),
        ..Default::default()
    };
    let stop = StopContainer {
        signal: text.into(),
        ..Default::default()
    };
    let mut list = ListContainers::default();
    list.filters.label = [text].into();
    let pull = PullImage {
        platform: Some(text.into()),
        ..Default::default()
    };
    let session = OpenSession {
        id: "1".into(),
        name: text.into(),
        shared_key: text.into(),
        methods: vec![text.into()],
    };
    let (containers, images) = (docker.containers(), docker.images());
    vec![
        containers.create(named).await.map(drop),
        containers.create(platform).await.map(drop),
        containers.inspect(text, Default::default()).await.map(drop),
        containers.stop("web", stop).await.map(drop),
        containers.list(list).await.map(drop),
        containers.rename("web", text).await.map(drop),
        containers.stat("web", text).await.map(drop),
        images
            .pull(text, PullImage::default(), Some(&auth))
            .await
            .map(drop),
        images.pull("busybox", pull, Some(&auth)).await.map(drop),
        images
            .push(text, PushImage::default(), Some(&auth))
            .await
            .map(drop),
        images.tag("busybox", text).await.map(drop),
        images
            .search(text, SearchImages::default(), Some(&auth))
            .await
            .map(drop),
        docker.sessions().open(session).await.map(drop),
        docker.raw("GET", text).send().await.map(drop),
        docker.raw("GET", &format!("/{text}")).send().await.map(drop),
        docker.raw(text, "/").send().await.map(drop),
        docker
            .raw("GET", "/x")
            .header("x-text", text)
            .send()
            .await
            .map(drop),
        docker.raw("GET", "/x").header(text, "x").send().await.map(drop),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_text_of_a_caller_adds_a_header_or_a_request() {
    for text in [
        INJECTION,
        "a\nInjected: 1",
        "a\rInjected: 1",
        "a\0b",
        "\u{85}",
        "a b\tc",
    ] {
        let fake = ScriptedEngine::answering(|_| ok("{}"));
        let outcomes = calls_with(&fake.client(), text).await;
        let requests = fake.received();
        assert!(requests.len() < outcomes.len(), "{text:?}: some are rejected");
        for request in requests {
            let shown = format!("{} {}", request.method, request.target);
            assert_eq!(request.header("injected"), None, "{shown}");
            assert!(
                !shown.contains("/injected") && !shown.contains(char::is_control),
                "{shown}"
            );
        }
        for error in outcomes.into_iter().filter_map(Result::err) {
            let kinds = [ErrorKind::InvalidInput, ErrorKind::Protocol, ErrorKind::Decode];
            assert!(kinds.contains(&error.kind()), "{text:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_header_is_shown_in_part() {
    let long = "x".repeat(100_000);
    let moved = ping_error(reply(302, &[&format!("Location: https://h/{long}")], "")).await;
    assert!(moved.to_string().len() < 400, "{}", moved.to_string().len());
    let header = format!("Api-Version: {long}");
    let fake = ScriptedEngine::answering(move |_| reply(200, &[&header], "OK"));
    let error = fails(fake.docker().version().await, ErrorKind::Protocol);
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test(start_paused = true)]
async fn length_that_is_no_number_is_an_error() {
    for length in [
        "-1",
        "+5",
        "0x5",
        "5, 6",
        "5 5",
        "1e3",
        "18446744073709551616",
        "٥",
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
        assert_eq!(ping_error(bytes).await.kind(), ErrorKind::Protocol, "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_count_where_a_length_is_sent_too() {
    // Otherwise the rest of the body would be read as the next reply.
    let head =
        "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    let smuggled = chunk("HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n");
    let bytes = [head.as_bytes(), &smuggled, b"0\r\n\r\n"].concat();
    let fake = ScriptedEngine::answering(move |request| match request.method.as_str() {
        "HEAD" => reply(200, &["Api-Version: 1.51"], ""),
        _ => bytes.clone(),
    });
    let docker = fake.docker();
    for _ in 0..3 {
        docker.system().ping().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn chunk_extensions_are_skipped_up_to_a_limit() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bytes = format!("{head}2;name=value;\"x\"\r\n{{}}\r\n0;last\r\n\r\n");
    let docker = ScriptedEngine::once(bytes).client();
    docker
        .containers()
        .inspect("web", Default::default())
        .await
        .unwrap();
    for start in [format!("{head}2;"), format!("{head}2\r\n{{}}\r\n0\r\nTrailer: ")] {
        let (fake, written) = endless(start);
        let inspected = fake
            .client()
            .containers()
            .inspect("web", Default::default())
            .await;
        let error = inspected.unwrap_err();
        let kinds = [ErrorKind::Protocol, ErrorKind::Disconnected];
        assert!(kinds.contains(&error.kind()), "{error}");
        fake.until(|counts| counts.live == 0).await;
        let written = written.load(Ordering::Relaxed);
        assert!(written < 1_000_000, "{written} bytes were read");
    }
}

#[tokio::test(start_paused = true)]
async fn deeply_nested_json_is_an_error() {
    let deep = 1_000_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        for text in [
            nested.clone(),
            format!("{{\"Unknown\":{nested}}}"),
            format!("{{\"Config\":{nested}}}"),
            format!("{{\"HostConfig\":{{\"LogConfig\":{nested}}}}}"),
        ] {
            let fake = ScriptedEngine::answering(move |_| ok(&text));
            let inspected = fake
                .client()
                .containers()
                .inspect("web", Default::default())
                .await;
            fails(inspected, ErrorKind::Decode);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_not_sent_to_another_address() {
    let fake = ScriptedEngine::answering(|_| reply(307, &["Location: http://elsewhere/"], ""));
    let auth = RegistryAuth::user("alice", "s3cret");
    let images = fake.client();
    let pulled = images
        .images()
        .pull("busybox", PullImage::default(), Some(&auth))
        .await;
    let error = fails(pulled, ErrorKind::Api);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert_eq!((fake.requests().len(), fake.counts().opened), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn header_of_a_raw_call_is_sent_once() {
    let fake = healthy();
    let docker = fake.client();
    let call = docker
        .raw("GET", "/x")
        .header("host", "evil")
        .header("user-agent", "evil");
    call.send().await.unwrap();
    let request = fake.received().remove(0);
    assert_eq!(request.header("host"), Some("evil"));
    let named = |name: &str| {
        request
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .count()
    };
    assert_eq!((named("host"), named("user-agent")), (1, 1));
}
