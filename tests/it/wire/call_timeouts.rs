//! The timeouts of a call, on the paused clock: time advances at once when nothing else can happen.

use std::time::Duration;

use engine_api::connect::{Connecting, Connector};
use engine_api::containers::{StopContainer, WaitCondition};
use engine_api::error::Phase;
use engine_api::{Docker, Error, ErrorKind, Timeouts, Version};
use fake_engine::scripted::{ScriptedEngine, ok};
use tokio::time::{Instant, sleep};

use crate::support::{fails, healthy};
use crate::wire::stream_timeouts::dripping;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn limited(docker: Docker, limits: Timeouts) -> Docker {
    docker.with_version(Version::OLDEST).with_timeouts(limits)
}

/// An engine that reads requests and never replies.
fn silent() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move { peer.until_gone().await })
}

#[track_caller]
pub(crate) fn timed_out<T>(outcome: engine_api::Result<T>, phase: Phase) -> Error {
    let error = fails(outcome, ErrorKind::Timeout);
    assert_eq!(error.phase(), Some(phase), "{error}");
    error
}

/// A connector that never connects.
#[derive(Debug)]
struct Closed;

impl Connector for Closed {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(std::future::pending())
    }
    fn address(&self) -> String {
        "test://closed".into()
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_times_out() {
    let docker = limited(
        Docker::with_connector(Closed),
        Timeouts {
            connect: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    let start = Instant::now();
    timed_out(docker.system().ping().await, Phase::Connect);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn head_timeout_is_not_rounded() {
    for limit in [1, 7, 999, 1001].map(Duration::from_millis) {
        let docker = limited(
            silent().docker(),
            Timeouts {
                head: Some(limit),
                ..Timeouts::NONE
            },
        );
        let start = Instant::now();
        let error = timed_out(docker.system().ping().await, Phase::Head);
        assert_eq!(start.elapsed(), limit);
        assert!(error.to_string().contains(&format!("{limit:?}")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn millisecond_timeout_lets_a_quick_engine_reply() {
    let all = Some(Duration::from_millis(1));
    let limits = Timeouts {
        connect: all,
        head: all,
        idle: all,
        total: all,
    };
    limited(healthy().docker(), limits).system().ping().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn maximal_timeout_never_expires() {
    let all = Some(Duration::MAX);
    let limits = Timeouts {
        connect: all,
        head: all,
        idle: all,
        total: all,
    };
    let docker = limited(dripping(SECOND, 3).docker(), limits);
    docker
        .raw("GET", "/slow")
        .send()
        .await
        .unwrap()
        .body
        .collect()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn head_timeout_ends_with_the_head() {
    let docker = limited(
        dripping(3 * SECOND, 2).docker(),
        Timeouts {
            head: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    docker.system().ping().await.unwrap();
}

/// An engine that waits for `pause` before each reply.
fn delayed(pause: Duration) -> ScriptedEngine {
    ScriptedEngine::new(move |mut peer| async move {
        while peer.request().await?.is_some() {
            sleep(pause).await;
            peer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 0\r\n\r\n")
                .await?;
        }
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn total_timeout_covers_version_negotiation() {
    let docker = delayed(SECOND * 6 / 10).docker();
    let docker = docker.with_timeouts(Timeouts {
        total: Some(SECOND),
        ..Timeouts::NONE
    });
    let start = Instant::now();
    timed_out(docker.raw("GET", "/info").send().await, Phase::Total);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn timed_out_call_closes_its_connection() {
    let fake = silent();
    let docker = limited(
        fake.docker(),
        Timeouts {
            head: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    timed_out(docker.system().ping().await, Phase::Head);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn clones_have_timeouts_of_their_own() {
    let docker = limited(
        silent().docker(),
        Timeouts {
            head: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    let patient = docker.clone().with_timeouts(Timeouts {
        head: Some(5 * SECOND),
        ..Timeouts::NONE
    });
    let start = Instant::now();
    timed_out(patient.system().ping().await, Phase::Head);
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(docker.timeouts().head, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn stop_timeout_is_added_to_the_head_timeout() {
    let docker = limited(
        silent().docker(),
        Timeouts {
            head: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    let options = StopContainer {
        timeout: Some(30),
        ..Default::default()
    };
    let start = Instant::now();
    timed_out(docker.containers().stop("web", options).await, Phase::Head);
    assert_eq!(start.elapsed(), 31 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn wait_has_no_head_timeout() {
    let day = 86_400 * SECOND;
    let fake = ScriptedEngine::new(move |mut peer| async move {
        peer.request().await?;
        sleep(day).await;
        peer.write(ok(r#"{"StatusCode":0}"#)).await
    });
    let docker = limited(fake.docker(), Timeouts::default());
    docker
        .containers()
        .wait("web", WaitCondition::NotRunning)
        .await
        .unwrap();
}
