//! Events about what the daemon sees in environments.

use isolation::{
    Command, Environment, EnvironmentSpec, EventKind, Main, ResourceLimits, Signal, Subscription,
};

use super::{active, manager, spec};
use crate::support::{engines, next_event_of};

/// Reads the events of an environment until one is wanted, and returns all of them.
async fn until(
    events: &mut Subscription,
    environment: &Environment,
    wanted: impl Fn(&EventKind) -> bool,
) -> Vec<EventKind> {
    let mut seen = Vec::new();
    while !seen.last().is_some_and(&wanted) {
        seen.push(next_event_of(events, environment).await);
    }
    seen
}

#[tokio::test]
async fn oom_kills_and_signals_are_reported() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let watching = manager.watch("docker").await.unwrap();
        let limits = ResourceLimits {
            memory: Some(48 << 20),
            ..ResourceLimits::default()
        };
        let script = "trap 'exit 3' TERM; while :; do sleep 0.1; done";
        let main = Main::Command(Command::shell(script));
        let environment = active(
            &manager,
            EnvironmentSpec {
                limits,
                main,
                ..spec()
            },
        )
        .await;
        let mut events = manager.subscribe();
        // Podman reports no OOM kill of a command, and no name of a signal.
        if !podman {
            let output = environment
                .run(Command::new(["tail", "/dev/zero"]))
                .await
                .unwrap();
            assert!(output.exit.oom, "{}: {}", subject.name, output.exit);
            until(&mut events, &environment, |kind| *kind == EventKind::OutOfMemory).await;
        }
        environment.kill(Signal::Terminate).await.unwrap();
        let mut seen = until(&mut events, &environment, |kind| *kind == EventKind::Stopped).await;
        // The event of the signal may come after an inspection has seen the end.
        let name = (!podman).then(|| "TERM".to_owned());
        let killed = EventKind::Killed { signal: name };
        if !seen.contains(&killed) {
            seen.extend(until(&mut events, &environment, |kind| *kind == killed).await);
        }
        let exits = |kind: &&EventKind| matches!(kind, EventKind::Exited { exit } if exit.code == 3);
        if !seen.iter().any(|kind| exits(&kind)) {
            seen.extend(until(&mut events, &environment, |kind| exits(&kind)).await);
        }
        assert_eq!(seen.iter().filter(exits).count(), 1, "{}: {seen:?}", subject.name);
        drop(watching);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
