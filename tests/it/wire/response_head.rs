//! Replies whose head is unusual, invalid or endless.

use std::sync::atomic::Ordering;

use engine_api::{Docker, ErrorKind};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{ScriptedEngine, reply};

use crate::support::{endless, fails, faulty_client, ping_error, pong, post};

const PONG: &[u8] = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK";

async fn is_pinged(bytes: &[u8]) -> Docker {
    let docker = ScriptedEngine::once(bytes).client();
    let ping = docker.system().ping().await.unwrap();
    assert_eq!(ping.api_version.as_deref(), Some("1.51"));
    docker
}

#[tokio::test(start_paused = true)]
async fn interim_replies_are_skipped() {
    for early in ["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </x>"] {
        is_pinged(&[format!("HTTP/1.1 {early}\r\n\r\n").as_bytes(), PONG].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_0_reply_is_read() {
    let old = b"HTTP/1.0 200 OK\r\nApi-Version: 1.51\r\n\r\nOK";
    let docker = ScriptedEngine::cut(*old).client();
    assert_eq!(
        docker.system().ping().await.unwrap().api_version.as_deref(),
        Some("1.51")
    );
}

#[tokio::test(start_paused = true)]
async fn header_case_and_value_bytes_do_not_matter() {
    is_pinged(b"HTTP/1.1 200 OK\r\nAPI-VERSION: 1.51\r\ncontent-LENGTH: 0\r\nServer: \xff\r\n\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn same_content_length_twice_is_accepted() {
    is_pinged(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nOK")
        .await;
}

#[tokio::test(start_paused = true)]
async fn reply_that_is_not_http_is_a_protocol_error() {
    let broken: [&[u8]; 5] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nOKO",
    ];
    for bytes in broken {
        let error = ping_error(bytes).await;
        assert_eq!(
            error.kind(),
            ErrorKind::Protocol,
            "{}: {error}",
            bytes.escape_ascii()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_head_is_given_up() {
    let (fake, written) = endless("HTTP/1.1 200 OK\r\nX: ");
    fails(fake.client().system().ping().await, ErrorKind::Protocol);
    fake.until(|counts| counts.live == 0).await;
    let written = written.load(Ordering::Relaxed);
    assert!(written < 2_000_000, "{written} bytes were read");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_headers_are_given_up() {
    let head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(100_000));
    assert_eq!(ping_error(head).await.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_head_cut_at_any_byte_is_an_error() {
    let fake = ScriptedEngine::answering(pong);
    for at in 0..PONG.len() - 2 {
        let outcome = faulty_client(&fake, Fault::CutAt(at)).system().ping().await;
        let error = fails(outcome, ErrorKind::Disconnected);
        assert_eq!(error.operation(), Some("SystemPing"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_split_at_any_byte_is_read() {
    let fake = ScriptedEngine::once(PONG);
    for at in 0..PONG.len() {
        faulty_client(&fake, Fault::SplitAt(at))
            .system()
            .ping()
            .await
            .unwrap();
    }
    faulty_client(&fake, Fault::Pieces(1))
        .system()
        .ping()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn unexpected_upgrade_is_an_error() {
    let fake = ScriptedEngine::answering(|_| {
        b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".to_vec()
    });
    let docker = fake.client();
    fails(docker.system().ping().await, ErrorKind::Protocol);
    fails(docker.raw("GET", "/info").send().await, ErrorKind::InvalidInput);
    assert_eq!(fake.counts().opened, 2);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn invalid_chunk_sizes_are_an_error() {
    for size in ["zz", "-1", "fffffffffffffffff", ""] {
        let bytes = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nOK\r\n0\r\n\r\n");
        let kind = ping_error(bytes).await.kind();
        assert!(
            matches!(kind, ErrorKind::Protocol | ErrorKind::Disconnected),
            "{size}: {kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn body_shorter_than_its_length_is_an_error() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nOK";
    let docker = ScriptedEngine::cut(*bytes).client();
    let reply = docker.raw("GET", "/info").send().await.unwrap();
    fails(reply.body.collect().await, ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn bytes_after_a_reply_are_not_the_next_reply() {
    let fake = ScriptedEngine::answering(|_| {
        [
            &reply(200, &["Api-Version: 1.51"], "OK")[..],
            b"HTTP/1.1 500 Stray\r\n\r\n",
        ]
        .concat()
    });
    let docker = fake.client();
    for _ in 0..3 {
        docker.system().ping().await.unwrap();
    }
    assert_eq!(fake.counts().opened, 3);
}

#[tokio::test(start_paused = true)]
async fn late_408_is_not_the_reply_to_the_next_request() {
    // Proxies send 408 on a connection that was idle for some time, and close it.
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(PONG).await?;
        tokio::task::yield_now().await;
        peer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await
    });
    let docker = fake.client();
    for _ in 0..3 {
        docker.system().ping().await.unwrap();
        fake.until(|counts| counts.live == 0).await;
        post(&docker).await.unwrap();
        fake.until(|counts| counts.live == 0).await;
    }
}
