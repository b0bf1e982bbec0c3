//! Events that the daemon has stored, on the fake engine.

use std::time::{Duration, SystemTime};

use fake_engine::FakeEngine;
use isolation::{Command, EnvironmentSpec, ErrorKind, EventKind, Main, PastEvents, Signal};

use super::docker_engine::{IMAGE, create, on, spec, until_gone};

/// The names of the environments and what happened, until the events end.
async fn all(mut events: PastEvents) -> Vec<(String, EventKind)> {
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        assert_eq!(event.sequence, seen.len() as u64);
        seen.push((event.subject.name().to_owned(), event.kind));
    }
    seen
}

#[tokio::test]
async fn events_of_the_past_have_the_kinds_of_live_ones() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let began = SystemTime::now() - Duration::from_secs(5);
    let environment = create(
        &manager,
        EnvironmentSpec {
            name: Some("web".to_owned()),
            main: Main::Command(Command::shell("trap 'exit 3' TERM; sleep 1000 & wait")),
            ..spec()
        },
    )
    .await
    .unwrap();
    environment.kill(Signal::Terminate).await.unwrap();
    environment.wait().await.unwrap();
    environment.destroy().await.unwrap();
    until_gone(&fake).await;
    // Another manager, as that of a later process.
    let later = on(&fake);
    let end = SystemTime::now();
    let events = later.past_events("docker", began, Some(end)).await.unwrap();
    let seen = all(events).await;
    assert!(seen.iter().all(|(name, _)| name == "web"), "{seen:?}");
    let kinds: Vec<EventKind> = seen.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds.first(), Some(&EventKind::Started), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&EventKind::Destroyed), "{kinds:?}");
    let exits = |kind: &EventKind| matches!(kind, EventKind::Exited { .. });
    assert!(kinds.iter().any(exits), "{kinds:?}");
    // Earlier events are not reported.
    let events = later.past_events("docker", end, Some(end)).await.unwrap();
    let seen = all(events).await;
    assert!(
        seen.iter().all(|(_, kind)| *kind == EventKind::Destroyed),
        "{seen:?}"
    );
    let refused = later.past_events("docker", end, Some(began)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn events_go_on_after_those_of_the_past() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let began = SystemTime::now() - Duration::from_secs(5);
    let first = create(&manager, spec()).await.unwrap();
    let mut events = manager.past_events("docker", began, None).await.unwrap();
    let next = events.next().await.unwrap().unwrap();
    assert_eq!(
        (next.subject.name(), next.kind),
        (first.name(), EventKind::Started)
    );
    let second = create(&manager, spec()).await.unwrap();
    let next = events.next().await.unwrap().unwrap();
    assert_eq!(
        (next.subject.name(), next.kind),
        (second.name(), EventKind::Started)
    );
}
