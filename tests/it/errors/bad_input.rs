//! The list of invalid input from callers and engines. Each one is an error with a kind, within the
//! timeouts, without a panic or a leak. The tests in this file belong to no other module.
//!
//! | input | tests |
//! |---|---|
//! | a name that is empty, blank, `.`, `..`, too long, or has control characters | [`path_names`](crate::wire::path_names)`::names_that_change_the_path_are_rejected`, [`every_resource_rejects_names_that_change_the_path`] |
//! | a name with anything else in it | [`path_names`](crate::wire::path_names)`::container_names_stay_one_path_segment`, `image_names_keep_only_their_slashes` |
//! | an unknown filter key | does not compile; see the example at `engine_api::containers::ContainerFilters` |
//! | an error of 200 MB, one that is cut, one that stalls | [`error_replies`](crate::errors::error_replies)`::huge_error_body_is_read_up_to_a_limit`, `an_error_whose_body_is_cut_keeps_its_status`, `an_error_whose_body_stalls_is_still_reported` |
//! | a tar archive that is cut while it is downloaded | [`cut_archive_is_an_error_even_if_http_is_complete`], [`engine_error_after_an_archive_fails_the_download`], `response_head::body_shorter_than_its_length_is_an_error` |
//! | a tar archive that is cut while it is uploaded | the scenario `images/broken`, on every engine |
//! | a pipe, or a file that is unreadable, vanishes, shrinks or grows, in a build context | [`build_context`](crate::images::build_context) |
//! | an upload whose data cannot be read | [`upload`](crate::images::upload)`::unreadable_source_is_the_callers_error` |
//! | a wrong password for a registry | the scenarios `registry/refusals` and `system/auth`, on every engine |
//! | an engine that replies with HTML | [`error_replies`](crate::errors::error_replies)`::html_error_shows_its_first_words`, [`html_is_an_error_for_every_kind_of_reply`] |
//! | an engine that does not reply | [`hang_up_is_an_error_for_every_kind_of_reply`], [`call_timeouts`](crate::wire::call_timeouts)`::head_timeout_is_not_rounded` |
//! | half a head, then the end of the connection, or silence | [`response_head`](crate::wire::response_head)`::a_head_cut_at_any_byte_is_an_error`, [`half_a_head_then_silence_times_out`] |
//! | an endless head, endless headers | [`response_head`](crate::wire::response_head)`::an_endless_head_is_given_up`, `a_hundred_thousand_headers_are_given_up` |
//! | interim replies: one, many, endless, unexpected | [`response_head`](crate::wire::response_head)`::interim_replies_are_skipped`, [`interim_replies_are_skipped_up_to_a_limit`], `response_head::unexpected_upgrade_is_an_error` |
//! | a redirect | [`error_replies`](crate::errors::error_replies)`::a_redirect_is_reported_and_not_followed`, [`no_redirect_of_any_kind_is_followed`] |
//! | an invalid `Api-Version` | [`version_negotiation`](crate::wire::version_negotiation)`::invalid_version_is_an_error` |
//! | a reply of any kind without end | [`reply_limits`](crate::wire::reply_limits) |
//! | an endless value in a stream, a frame of 4 GB | [`reply_limits`](crate::wire::reply_limits)`::endless_value_in_a_stream_stops_at_the_limit`, [`log_frames`](crate::streams::log_frames)`::four_gigabyte_header_allocates_nothing` |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_api::containers::{ReadLogs, WaitCondition};
use engine_api::error::Phase;
use engine_api::images::PullImage;
use engine_api::{Docker, Error, ErrorKind, Result, Timeouts, archive};
use fake_engine::scripted::{ScriptedEngine, chunked, open, reply};

use crate::support::{fails, healthy};
use crate::wire::call_timeouts::{SECOND, limited, timed_out};

const TAR: &str = "Content-Type: application/x-tar";

/// One call on each resource that has names.
async fn on_every_resource(docker: &Docker, name: &str) -> [(&'static str, Result<()>); 12] {
    let container = docker.containers().inspect(name, Default::default()).await;
    let logs = docker.tasks().logs(name, Default::default()).await;
    [
        ("containers", container.map(drop)),
        ("execs", docker.execs().inspect(name).await.map(drop)),
        ("volumes", docker.volumes().inspect(name).await.map(drop)),
        (
            "networks",
            docker
                .networks()
                .inspect(name, Default::default())
                .await
                .map(drop),
        ),
        ("nodes", docker.nodes().inspect(name).await.map(drop)),
        (
            "services",
            docker
                .services()
                .inspect(name, Default::default())
                .await
                .map(drop),
        ),
        ("tasks", docker.tasks().inspect(name).await.map(drop)),
        ("task logs", logs.map(drop)),
        ("secrets", docker.secrets().inspect(name).await.map(drop)),
        ("configs", docker.configs().inspect(name).await.map(drop)),
        (
            "images",
            docker.images().inspect(name, Default::default()).await.map(drop),
        ),
        ("plugins", docker.plugins().inspect(name).await.map(drop)),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_resource_rejects_names_that_change_the_path() {
    let fake = healthy();
    let docker = fake.docker();
    for name in [
        "",
        " ",
        "\t",
        ".",
        "..",
        "a\0",
        "a\r\nX: y",
        "\u{7f}",
        &"x".repeat(1025),
    ] {
        for (resource, outcome) in on_every_resource(&docker, name).await {
            let error = outcome.expect_err(resource);
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{resource} {name:?}: {error}"
            );
        }
    }
    assert_eq!(fake.counts().opened, 0);
}

/// A call for each kind of reply. Each reply is read to its end.
async fn of_every_kind(docker: &Docker) -> [(&'static str, Result<()>); 8] {
    let containers = docker.containers();
    let all = async |output: Result<engine_api::Output>| output?.collect().await.map(drop);
    let logs = async {
        let options = ReadLogs::default();
        all(containers.logs("web", options).await).await
    };
    let exec = async {
        let started = docker.execs().start("e1", Default::default()).await?;
        all(Ok(started.output)).await
    };
    let pull = async {
        let progress = docker
            .images()
            .pull("busybox", PullImage::default(), None)
            .await?;
        progress.last().await.map(drop)
    };
    let bytes = async { containers.export("web").await?.collect().await.map(drop) };
    let listed = containers.list(Default::default()).await;
    let waited = containers.wait("web", WaitCondition::NotRunning).await;
    [
        ("version", docker.system().version().await.map(drop)),
        ("json", listed.map(drop)),
        ("wait", waited.map(drop)),
        ("headers", containers.stat("web", "/etc").await.map(drop)),
        ("output", logs.await),
        ("duplex", exec.await),
        ("json stream", pull.await),
        ("bytes", bytes.await),
    ]
}

#[tokio::test(start_paused = true)]
async fn html_is_an_error_for_every_kind_of_reply() {
    let html = "<html><body><h1>It works!</h1></body></html>";
    let fake = ScriptedEngine::answering(move |_| reply(200, &["Content-Type: text/html"], html));
    for (kind, outcome) in of_every_kind(&fake.client()).await {
        let error = outcome.expect_err(kind);
        let typed = [ErrorKind::Decode, ErrorKind::Protocol, ErrorKind::Truncated];
        assert!(typed.contains(&error.kind()), "{kind}: {error}");
    }
    // Version negotiation does not accept it either.
    fails(fake.docker().version().await, ErrorKind::Protocol);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn hang_up_is_an_error_for_every_kind_of_reply() {
    let fake = ScriptedEngine::cut("");
    for (kind, outcome) in of_every_kind(&fake.client()).await {
        let error = outcome.expect_err(kind);
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{kind}: {error}");
    }
    fails(fake.docker().version().await, ErrorKind::Disconnected);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_head_then_silence_times_out() {
    let fake = ScriptedEngine::once("HTTP/1.1 200 OK\r\nContent-Le");
    let head = Timeouts {
        head: Some(SECOND),
        ..Timeouts::NONE
    };
    let docker = limited(fake.docker(), head);
    timed_out(docker.system().ping().await, Phase::Head);
    fake.until(|counts| counts.live == 0).await;
}

/// An engine that sends `interim` interim replies and then the reply to a ping.
fn hinting(interim: usize) -> (ScriptedEngine, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let fake = ScriptedEngine::new(move |mut peer| {
        let count = Arc::clone(&count);
        async move {
            peer.request().await?;
            for n in 0..interim {
                let code = ["100 Continue", "103 Early Hints"][n % 2];
                peer.write(format!("HTTP/1.1 {code}\r\nLink: </x>\r\n\r\n"))
                    .await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            peer.write(reply(200, &["Api-Version: 1.51"], "OK")).await
        }
    });
    (fake, sent)
}

#[tokio::test(start_paused = true)]
async fn interim_replies_are_skipped_up_to_a_limit() {
    hinting(1000).0.client().system().ping().await.unwrap();
    // Without timeouts, as for a pull: only their number ends the call.
    let (fake, sent) = hinting(1_000_000);
    let docker = limited(fake.docker(), Timeouts::NONE);
    let error = fails(docker.system().ping().await, ErrorKind::Protocol);
    assert!(error.to_string().contains("1xx"), "{error}");
    fake.until(|counts| counts.live == 0).await;
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 200_000, "{sent} interim replies were read");
}

#[tokio::test(start_paused = true)]
async fn no_redirect_of_any_kind_is_followed() {
    for status in [300, 301, 302, 303, 307, 308] {
        let fake = ScriptedEngine::answering(move |_| reply(status, &["Location: http://elsewhere/"], ""));
        for (kind, outcome) in of_every_kind(&fake.client()).await {
            let error = outcome.expect_err(kind);
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::Api, Some(status)),
                "{error}"
            );
            assert!(error.to_string().contains("http://elsewhere/"), "{kind}: {error}");
        }
        assert_eq!(fake.requests().len(), 8, "one for each call");
    }
}

/// A complete archive of two files.
async fn complete_archive() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(directory.path().join(name), name.repeat(1000)).unwrap();
    }
    let fake = healthy();
    let upload = archive::pack(directory.path(), "top").unwrap();
    let containers = fake.client();
    let containers = containers.containers();
    containers
        .upload("web", "/", upload, Default::default())
        .await
        .unwrap();
    fake.received().remove(0).body
}

/// The outcomes of a download with the reply `bytes`, collected and unpacked.
async fn download(bytes: Vec<u8>) -> [Result<()>; 2] {
    let docker = ScriptedEngine::cut(bytes).client();
    let directory = tempfile::tempdir().unwrap();
    let containers = docker.containers();
    let collected = async {
        containers
            .download("web", "/top")
            .await?
            .collect()
            .await
            .map(drop)
    };
    let unpacked =
        async { archive::unpack(containers.download("web", "/top").await?, directory.path()).await };
    [collected.await, unpacked.await]
}

#[tokio::test(start_paused = true)]
async fn cut_archive_is_an_error_even_if_http_is_complete() {
    let whole = complete_archive().await;
    for outcome in download(chunked(&[TAR], [&whole])).await {
        outcome.unwrap();
    }
    for length in [0, 100, 512, 1024, 2000, whole.len() - 1024] {
        let cut = &whole[..length];
        for bytes in [
            reply(200, &[TAR], cut),
            chunked(&[TAR], cut.chunks(100)),
            [&open(&[TAR]), cut].concat(),
        ] {
            for outcome in download(bytes).await {
                let error = fails(outcome, ErrorKind::Truncated);
                assert_eq!(
                    error.operation(),
                    Some("ContainerArchive"),
                    "at {length}: {error}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn engine_error_after_an_archive_fails_the_download() {
    let whole = complete_archive().await;
    for engine_error in [
        "{\"errorDetail\":{\"message\":\"disk is gone\"},\"error\":\"disk is gone\"}\r\n",
        "{\"message\":\"disk is gone\"}\n",
    ] {
        for outcome in download(chunked(&[TAR], [&whole[..1500], engine_error.as_bytes()])).await {
            let error = fails(outcome, ErrorKind::Stream);
            assert_eq!(error.message(), Some("disk is gone"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stream_ends_after_an_error() {
    let docker = ScriptedEngine::once(chunked(&[TAR], ["no tar"])).client();
    let mut bytes = docker.containers().export("web").await.unwrap();
    let mut kinds = Vec::new();
    while let Some(piece) = bytes.next().await {
        kinds.push(
            piece
                .map(|piece| piece.len())
                .map_err(|error: Error| error.kind()),
        );
    }
    assert_eq!(kinds, [Ok(6), Err(ErrorKind::Truncated)]);
    assert!(bytes.next().await.is_none());
}
