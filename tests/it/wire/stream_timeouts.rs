//! The timeouts after the head of a reply, on the paused clock.

use std::time::Duration;

use engine_api::error::Phase;
use engine_api::{Docker, Timeouts};
use fake_engine::scripted::{MULTIPLEXED, ScriptedEngine, chunk, frame, open, upgraded};
use tokio::time::{Instant, advance, sleep};

use crate::wire::call_timeouts::{SECOND, limited, timed_out};

/// An engine that sends pieces of a body, with a pause after each.
pub(crate) fn dripping(pause: Duration, pieces: usize) -> ScriptedEngine {
    ScriptedEngine::new(move |mut peer| async move {
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
async fn idle_timeout_restarts_with_every_byte() {
    let docker = limited(
        dripping(SECOND, 1000).docker(),
        Timeouts {
            idle: Some(2 * SECOND),
            ..Timeouts::NONE
        },
    );
    assert_eq!(read(&docker).await.unwrap(), 5000);
}

#[tokio::test(start_paused = true)]
async fn idle_timeout_expires_in_a_pause() {
    let docker = limited(
        dripping(3 * SECOND, 2).docker(),
        Timeouts {
            idle: Some(SECOND),
            ..Timeouts::NONE
        },
    );
    let start = Instant::now();
    timed_out(read(&docker).await, Phase::Body);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn total_timeout_covers_the_body() {
    let docker = limited(
        dripping(SECOND, 1000).docker(),
        Timeouts {
            total: Some(10 * SECOND),
            ..Timeouts::NONE
        },
    );
    let start = Instant::now();
    timed_out(read(&docker).await, Phase::Total);
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn total_timeout_ends_a_body_that_is_always_ready() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&[])).await?;
        loop {
            peer.write([b'x'; 1000]).await?;
        }
    });
    let docker = limited(
        fake.docker(),
        Timeouts {
            total: Some(10 * SECOND),
            ..Timeouts::NONE
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

/// An engine whose commands write some output and then stay silent.
fn hijacking() -> ScriptedEngine {
    ScriptedEngine::once([upgraded(&[MULTIPLEXED]), frame(1, "a")].concat())
}

#[tokio::test(start_paused = true)]
async fn hijacked_connection_keeps_its_timeouts() {
    for (idle, total, phase) in [
        (Some(SECOND), None, Phase::Body),
        (None, Some(SECOND), Phase::Total),
    ] {
        let docker = limited(
            hijacking().docker(),
            Timeouts {
                idle,
                total,
                ..Timeouts::NONE
            },
        );
        let mut hijacked = docker.execs().start("e1", Default::default()).await.unwrap();
        hijacked.output.next().await.unwrap().unwrap();
        let start = Instant::now();
        timed_out(hijacked.output.next().await.unwrap(), phase);
        assert_eq!(start.elapsed(), SECOND);
        assert!(hijacked.output.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn total_timeout_ends_output_that_is_always_ready() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(upgraded(&[MULTIPLEXED])).await?;
        loop {
            peer.write(frame(1, [b'x'; 1000])).await?;
        }
    });
    let docker = limited(
        fake.docker(),
        Timeouts {
            total: Some(10 * SECOND),
            ..Timeouts::NONE
        },
    );
    let mut output = docker
        .execs()
        .start("e1", Default::default())
        .await
        .unwrap()
        .output;
    let start = Instant::now();
    let outcome = loop {
        advance(SECOND / 100).await;
        match output.next().await.unwrap() {
            Ok(_) => assert!(start.elapsed() < 100 * SECOND, "it never ends"),
            Err(error) => break Err::<(), _>(error),
        }
    };
    timed_out(outcome, Phase::Total);
}

#[tokio::test(start_paused = true)]
async fn no_timeout_never_expires() {
    let docker = limited(dripping(86_400 * SECOND, 3).docker(), Timeouts::NONE);
    assert_eq!(read(&docker).await.unwrap(), 15);
}
