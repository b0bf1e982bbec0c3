//! Each limit, on the paused clock (A18): time passes at once when nothing else can happen.

use std::time::Duration;

use engine_api::connect::{Connecting, Connector};
use engine_api::error::Phase;
use engine_api::{Docker, Error, ErrorKind, Limits, Version};
use tests::fake::{Fake, chunk, open};
use tokio::time::{Instant, advance, sleep};

use crate::help::{fails, healthy};

const SECOND: Duration = Duration::from_secs(1);

fn limited(docker: Docker, limits: Limits) -> Docker {
    docker.with_version(Version::OLDEST).with_limits(limits)
}

/// An engine that takes requests and says nothing.
fn silent() -> Fake {
    Fake::new(|mut peer| async move { peer.until_gone().await })
}

#[track_caller]
fn timed_out<T>(outcome: engine_api::Result<T>, phase: Phase) -> Error {
    let error = fails(outcome, ErrorKind::Timeout);
    assert_eq!(error.phase(), Some(phase), "{error}");
    error
}

/// An engine that never lets anyone in.
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
async fn connecting_has_a_limit() {
    let docker = limited(
        Docker::with_connector(Closed),
        Limits {
            connect: Some(SECOND),
            ..Limits::NONE
        },
    );
    let start = Instant::now();
    timed_out(docker.system().ping().await, Phase::Connect);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_head_has_a_limit_which_is_not_rounded() {
    for limit in [1, 7, 999, 1001].map(Duration::from_millis) {
        let docker = limited(
            silent().docker(),
            Limits {
                head: Some(limit),
                ..Limits::NONE
            },
        );
        let start = Instant::now();
        let error = timed_out(docker.system().ping().await, Phase::Head);
        assert_eq!(start.elapsed(), limit);
        assert!(error.to_string().contains(&format!("{limit:?}")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_a_millisecond_lets_a_quick_engine_answer() {
    let all = Some(Duration::from_millis(1));
    let limits = Limits {
        connect: all,
        head: all,
        idle: all,
        total: all,
    };
    limited(healthy().docker(), limits).system().ping().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_all_time_is_none() {
    let all = Some(Duration::MAX);
    let limits = Limits {
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

/// An engine that sends a piece of a body, waits, and so on.
fn dripping(pause: Duration, pieces: usize) -> Fake {
    Fake::new(move |mut peer| async move {
        peer.request().await?;
        peer.write(open(&["Transfer-Encoding: chunked"])).await?;
        for _ in 0..pieces {
            peer.write(chunk("piece")).await?;
            sleep(pause).await;
        }
        peer.write("0\r\n\r\n").await
    })
}

async fn read(docker: &Docker) -> engine_api::Result<usize> {
    let reply = docker.raw("GET", "/slow").send().await?;
    reply.body.collect().await.map(|body| body.len())
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_for_ever_if_it_never_pauses_for_long() {
    let docker = limited(
        dripping(SECOND, 1000).docker(),
        Limits {
            idle: Some(2 * SECOND),
            ..Limits::NONE
        },
    );
    assert_eq!(read(&docker).await.unwrap(), 5000);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_for_longer_is_an_error() {
    let docker = limited(
        dripping(3 * SECOND, 2).docker(),
        Limits {
            idle: Some(SECOND),
            ..Limits::NONE
        },
    );
    let start = Instant::now();
    timed_out(read(&docker).await, Phase::Body);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_head_limit_ends_with_the_head() {
    let docker = limited(
        dripping(3 * SECOND, 2).docker(),
        Limits {
            head: Some(SECOND),
            ..Limits::NONE
        },
    );
    docker.system().ping().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_total_covers_the_body() {
    let docker = limited(
        dripping(SECOND, 1000).docker(),
        Limits {
            total: Some(10 * SECOND),
            ..Limits::NONE
        },
    );
    let start = Instant::now();
    timed_out(read(&docker).await, Phase::Total);
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_total_ends_a_body_that_never_makes_us_wait() {
    let fake = Fake::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&[])).await?;
        loop {
            peer.write([b'x'; 1000]).await?;
        }
    });
    let docker = limited(
        fake.docker(),
        Limits {
            total: Some(10 * SECOND),
            ..Limits::NONE
        },
    );
    let start = Instant::now();
    let mut body = docker.raw("GET", "/flood").send().await.unwrap().body;
    let outcome = loop {
        advance(SECOND).await;
        match body.next().await.unwrap() {
            Ok(_) => assert!(start.elapsed() < 100 * SECOND, "it never ends"),
            Err(error) => break Err::<(), _>(error),
        }
    };
    timed_out(outcome, Phase::Total);
}

/// An engine that thinks for as long before each answer.
fn pondering(pause: Duration) -> Fake {
    Fake::new(move |mut peer| async move {
        while peer.request().await?.is_some() {
            sleep(pause).await;
            peer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 0\r\n\r\n")
                .await?;
        }
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn the_total_covers_the_question_for_the_version() {
    let docker = pondering(SECOND * 6 / 10).docker();
    let docker = docker.with_limits(Limits {
        total: Some(SECOND),
        ..Limits::NONE
    });
    let start = Instant::now();
    timed_out(docker.raw("GET", "/info").send().await, Phase::Total);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_runs_out() {
    let docker = limited(dripping(86_400 * SECOND, 3).docker(), Limits::NONE);
    assert_eq!(read(&docker).await.unwrap(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ran_out_of_time_closes_its_connection() {
    let fake = silent();
    let docker = limited(
        fake.docker(),
        Limits {
            head: Some(SECOND),
            ..Limits::NONE
        },
    );
    timed_out(docker.system().ping().await, Phase::Head);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_one_clone_are_not_those_of_another() {
    let docker = limited(
        silent().docker(),
        Limits {
            head: Some(SECOND),
            ..Limits::NONE
        },
    );
    let patient = docker.clone().with_limits(Limits {
        head: Some(5 * SECOND),
        ..Limits::NONE
    });
    let start = Instant::now();
    timed_out(patient.system().ping().await, Phase::Head);
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(docker.limits().head, Some(SECOND));
}
