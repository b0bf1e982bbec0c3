//! Swarms of more than one engine, and engines that are restarted.
//!
//! `SWARM=name=address,…` names three engines that reach each other. They must be engines of
//! `tests/engines`, which restarts them.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::RemoveContainer;
use engine_api::system::{EventKind, EventOrGap, ListenEvents, ResilientEvents};
use tests::scenarios::{cluster, spread};
use tokio::sync::Mutex;

use crate::support::{Subject, required, subjects};

/// The tests of this file share their engines.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The three engines that `SWARM` names.
fn swarm() -> [Subject; 3] {
    let engines = subjects("SWARM", &required("SWARM")).try_into();
    engines.unwrap_or_else(|engines: Vec<_>| panic!("SWARM names {} engines instead of 3", engines.len()))
}

#[tokio::test]
#[ignore = "needs a swarm of three engines: set SWARM"]
async fn a_second_engine_joins_and_leaves() {
    let [first, second, _] = swarm();
    let _alone = ALONE.lock().await;
    cluster::second(first.docker, second.docker).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a swarm of three engines: set SWARM"]
async fn a_service_spreads_over_three_nodes() {
    let engines = swarm();
    let _alone = ALONE.lock().await;
    spread::over_three_nodes(engines.map(|engine| engine.docker))
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs a swarm of three engines: set SWARM"]
async fn a_locked_manager_needs_its_key() {
    let [first, ..] = swarm();
    let _alone = ALONE.lock().await;
    let name = first.name;
    cluster::locked(first.docker, move || cluster::restart_when_settled(&name))
        .await
        .unwrap();
}

/// Creates a container and removes it. Returns its id.
async fn once(docker: &Docker, name: &str) -> String {
    let container = tests::scenarios::shell(name, "true");
    let id = docker.containers().create(container).await.unwrap().id;
    docker
        .containers()
        .remove(&id, RemoveContainer::default())
        .await
        .unwrap();
    id
}

/// The events until the container `last` is destroyed: `action container`, or `gap`.
async fn events_until(events: &mut ResilientEvents, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let end = format!("destroy {last}");
    while seen.last() != Some(&end) {
        let next = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
        seen.push(
            match next.unwrap_or_else(|_| panic!("{seen:?}")).unwrap().unwrap() {
                // Podman names the event `remove`.
                EventOrGap::Event(event) if event.verb() == "remove" => format!("destroy {}", event.actor.id),
                EventOrGap::Event(event) => format!("{} {}", event.verb(), event.actor.id),
                EventOrGap::Gap { from, to } => {
                    assert!(from <= to, "{from} to {to}");
                    "gap".to_owned()
                }
                other => panic!("{other:?}"),
            },
        );
    }
    seen
}

#[tokio::test]
#[ignore = "needs a swarm of three engines: set SWARM"]
async fn events_continue_after_an_engine_restart() {
    let [_, _, third] = swarm();
    let _alone = ALONE.lock().await;
    let docker = third.docker;
    let mut options = ListenEvents::default();
    options.filters.kind = vec![EventKind::Container];
    options.filters.event = ["create", "destroy", "remove"].into();
    let mut events = docker
        .system()
        .resilient_events(options, Default::default())
        .await
        .unwrap();

    let before = [once(&docker, "before_1").await, once(&docker, "before_2").await];
    let mut seen = events_until(&mut events, &before[1]).await;
    let name = third.name;
    tokio::task::spawn_blocking(move || cluster::restart_when_settled(&name))
        .await
        .unwrap();
    // Nothing reads the events at this moment: the engine must replay this one afterwards.
    let between = once(&docker, "between").await;
    seen.extend(events_until(&mut events, &between).await);
    let after = once(&docker, "after").await;
    seen.extend(events_until(&mut events, &after).await);

    let pair = |id: &String| [format!("create {id}"), format!("destroy {id}")];
    let mut expected: Vec<String> = before.iter().flat_map(pair).collect();
    expected.push("gap".into());
    expected.extend([&between, &after].into_iter().flat_map(pair));
    assert_eq!(seen, expected);
}
