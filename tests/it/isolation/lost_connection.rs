//! Connections to the daemon that end: the connection of the owner, and that of the events.

use std::io;
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{BoxStream, Connecting, Connector};
use engine_api::containers::{CreateContainer, StartContainer, StopContainer};
use fake_engine::FakeEngine;
use isolation::engines::docker::DockerEngine;
use isolation::{
    EnvironmentSpec, Event, EventKind, Lifetime, Manager, Registry, Status, Subject, Subscription,
};
use tokio::sync::watch;

use super::docker_engine::{IMAGE, create, on, spec};

/// The next event; without one, the paused clock would stand still for ever.
async fn next_event(events: &mut Subscription) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(3600), events.next()).await;
    next.expect("no event comes").unwrap().unwrap()
}

/// A daemon that is restarted without its containers: from then on, the end of this process does
/// not end the container by itself.
#[tokio::test(start_paused = true)]
async fn lost_owner_connection_is_an_event() {
    for away in [Duration::from_millis(10), Duration::from_secs(10)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let manager = on(&fake);
        let environment = create(&manager, spec()).await.unwrap();
        let mut events = manager.subscribe();
        fake.disconnect();
        tokio::time::sleep(away).await;
        fake.reconnect();
        let event = next_event(&mut events).await;
        assert_eq!(event.kind, EventKind::OwnerConnectionLost, "{away:?}");
        // The next start makes a new connection. An intended end is not reported.
        environment.stop(Duration::from_secs(1)).await.unwrap();
        environment.start().await.unwrap();
        environment.destroy().await.unwrap();
        drop((environment, manager));
        while let Some(event) = events.next().await {
            assert_ne!(event.unwrap().kind, EventKind::OwnerConnectionLost, "{away:?}");
        }
    }
}

/// The way from one client to the engine, which can be broken. Others still reach the engine.
#[derive(Debug, Clone)]
struct Line {
    engine: FakeEngine,
    up: watch::Sender<bool>,
}

impl Connector for Line {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let mut up = self.up.subscribe();
            if !*up.borrow() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let mut far = self.engine.connect().await?;
            let (near, mut ours) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut ours, &mut far) => {}
                    _ = up.wait_for(|up| !up) => {}
                }
            });
            Ok(Box::new(near) as BoxStream)
        })
    }

    fn address(&self) -> String {
        self.engine.address()
    }
}

/// A daemon keeps only the last 256 events.
#[tokio::test(start_paused = true)]
async fn change_whose_event_is_lost_is_found() {
    let line = Line {
        engine: FakeEngine::new().with_image(IMAGE),
        up: watch::Sender::new(true),
    };
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(line.clone()));
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);
    // A container with an owner connection would end with it.
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let environment = create(&manager, kept).await.unwrap();
    let container = line.engine.snapshot().containers.pop_first().unwrap();
    let _watching = manager.watch("docker").await.unwrap();
    let mut events = manager.subscribe();

    line.up.send_replace(false);
    let others = Docker::with_connector(line.engine.clone());
    let containers = others.containers();
    containers
        .stop(&container, StopContainer::default())
        .await
        .unwrap();
    let noisy = CreateContainer {
        name: Some("noisy".into()),
        image: IMAGE.into(),
        cmd: ["sleep", "1000"].into(),
        ..CreateContainer::default()
    };
    containers.create(noisy).await.unwrap();
    containers
        .start("noisy", StartContainer::default())
        .await
        .unwrap();
    for _ in 0..150 {
        containers.pause("noisy").await.unwrap();
        containers.unpause("noisy").await.unwrap();
    }
    assert_eq!(environment.status(), Status::Running, "not known yet");
    line.up.send_replace(true);

    let gap = next_event(&mut events).await;
    assert_eq!(gap.kind, EventKind::Gap);
    let stopped = next_event(&mut events).await;
    assert_eq!(stopped.kind, EventKind::Stopped);
    assert!(
        matches!(&stopped.subject, Subject::Environment { id, .. } if id == environment.id()),
        "{stopped:?}"
    );
    assert_eq!(environment.status(), Status::Stopped);
    environment.destroy().await.unwrap();
}
