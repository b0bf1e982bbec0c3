//! Events that continue after a lost connection.

use std::time::Duration;

use engine_api::system::{EventOrGap, ListenEvents, ReconnectOptions, ResilientEvents};
use engine_api::{Docker, ErrorKind, Timeouts, Version};
use fake_engine::scripted::{JSON, Peer, ScriptedEngine, chunk, open, reply};

/// The `n`th event: its actor is `n`, and its time is second `n`.
fn event(n: i64) -> String {
    format!(
        r#"{{"Type":"container","Action":"start","Actor":{{"ID":"{n}"}},"time":{n},"timeNano":{n}000000000}}"#
    )
}

async fn send_events(peer: &mut Peer, events: std::ops::RangeInclusive<i64>) -> std::io::Result<()> {
    peer.request().await?;
    peer.write(open(&[JSON, "Transfer-Encoding: chunked"])).await?;
    for n in events {
        peer.write(chunk(event(n) + "\n")).await?;
    }
    Ok(())
}

/// A client without the timeouts of the other tests: events come for as long as the stream is open.
fn client(fake: &ScriptedEngine) -> Docker {
    let limits = Timeouts {
        head: Some(Duration::from_secs(1)),
        ..Timeouts::default()
    };
    fake.docker()
        .with_version(Version::new(1, 51))
        .with_timeouts(limits)
}

async fn listen(docker: &Docker, options: ListenEvents, resume: ReconnectOptions) -> ResilientEvents {
    docker.system().resilient_events(options, resume).await.unwrap()
}

async fn next_text(events: &mut ResilientEvents) -> String {
    match events.next().await.unwrap().unwrap() {
        EventOrGap::Event(event) => event.actor.id,
        EventOrGap::Gap { from, .. } => format!("gap from {from}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn restart_is_a_gap_and_repeats_no_event() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        match peer.number() {
            0 => send_events(&mut peer, 1..=3).await, // then closes, in the middle of a chunked body
            1 => Ok(()),                              // refuses
            2 => peer.request().await.map(drop),      // accepts, but does not reply
            3 => {
                peer.request().await?;
                peer.write(reply(503, &[JSON], r#"{"message":"starting"}"#)).await
            }
            _ => {
                send_events(&mut peer, 3..=5).await?;
                peer.until_gone().await
            }
        }
    });
    let mut events = listen(&client(&fake), Default::default(), ReconnectOptions::default()).await;
    let mut received = Vec::new();
    for _ in 0..6 {
        received.push(next_text(&mut events).await);
    }
    assert_eq!(received, ["1", "2", "3", "gap from 3.000000000", "4", "5"]);
    let requests = fake.requests();
    assert_eq!(requests.last().unwrap(), "GET /v1.51/events?since=2.000000000");
}

#[tokio::test(start_paused = true)]
async fn ended_stream_reconnects_until_its_end_time() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        let n = i64::try_from(peer.number()).unwrap() + 1;
        send_events(&mut peer, n..=n).await?;
        peer.write("0\r\n\r\n").await
    });
    let mut events = listen(&client(&fake), Default::default(), ReconnectOptions::default()).await;
    assert_eq!(next_text(&mut events).await, "1");
    assert!(next_text(&mut events).await.starts_with("gap"));
    assert_eq!(next_text(&mut events).await, "2");

    let until = ListenEvents {
        until: Some(engine_api::common::Timestamp::new(9, 0)),
        ..Default::default()
    };
    let mut events = listen(&client(&fake), until, ReconnectOptions::default()).await;
    next_text(&mut events).await;
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn reconnecting_gives_up_with_the_last_error() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        match peer.number() {
            0 => send_events(&mut peer, 1..=1).await,
            _ => Ok(()),
        }
    });
    let resume = ReconnectOptions {
        timeout: Some(Duration::from_secs(30)),
        ..Default::default()
    };
    let mut events = listen(&client(&fake), Default::default(), resume).await;
    assert_eq!(next_text(&mut events).await, "1");
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(events.next().await.is_none());
    assert!(
        fake.counts().opened < 20,
        "tries are spaced out: {:?}",
        fake.counts()
    );
}

#[tokio::test(start_paused = true)]
async fn permanent_error_ends_the_events_at_once() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        match peer.number() {
            0 => send_events(&mut peer, 1..=1).await,
            _ => {
                peer.request().await?;
                peer.write(reply(403, &[JSON], r#"{"message":"not for you"}"#))
                    .await
            }
        }
    });
    let mut events = listen(&client(&fake), Default::default(), ReconnectOptions::default()).await;
    assert_eq!(next_text(&mut events).await, "1");
    let error = events.next().await.unwrap().unwrap_err();
    assert!(error.is_forbidden(), "{error}");
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn first_connection_is_not_retried() {
    let fake = ScriptedEngine::new(|_peer| async { Ok(()) });
    let tried = client(&fake)
        .system()
        .resilient_events(Default::default(), ReconnectOptions::default())
        .await;
    assert_eq!(tried.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(fake.counts().opened, 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_next_loses_no_event() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        match peer.number() {
            0 => send_events(&mut peer, 1..=1).await,
            n if n < 4 => Ok(()),
            _ => {
                send_events(&mut peer, 1..=2).await?;
                peer.until_gone().await
            }
        }
    });
    let mut events = listen(&client(&fake), Default::default(), ReconnectOptions::default()).await;
    let mut received = Vec::new();
    while received.len() < 3 {
        if let Ok(next) = tokio::time::timeout(Duration::from_millis(150), next_text(&mut events)).await {
            received.push(next);
        }
        assert!(fake.counts().opened < 50);
    }
    assert_eq!(received, ["1", "gap from 1.000000000", "2"]);
}
