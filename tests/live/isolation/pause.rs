//! Paused environments, and the processes and names of others.

use std::time::Duration;

use engine_api::containers::InspectContainer;
use isolation::{Command, ErrorKind, EventKind, Main, Signal, Status};

use super::{active, manager, sh, spec};
use crate::support::{engines, next_event, next_event_of, one_line, rounds};
use isolation::EnvironmentSpec;

#[tokio::test]
async fn paused_environment_ends_in_every_way() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for way in ["stop", "kill", "destroy", "drop"] {
            let environment = active(&manager, spec()).await;
            environment.pause().await.unwrap();
            let ended = match way {
                "stop" => environment.stop(Duration::from_secs(1)).await,
                "kill" => environment.kill(Signal::Kill).await,
                "destroy" => environment.destroy().await,
                _ => Ok(()),
            };
            ended.unwrap_or_else(|error| panic!("{}: {way}: {}", subject.name, one_line(&error)));
            if way == "stop" || way == "kill" {
                assert_eq!(environment.status(), Status::Stopped, "{}: {way}", subject.name);
            }
            drop(environment);
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn pause_of_another_process_is_seen() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mut events = manager.subscribe();
        let _watching = manager.watch("docker").await.unwrap();
        let environment = active(&manager, spec()).await;
        let container = subject.containers(&prefix).await.remove(0);
        subject.docker.containers().pause(&container).await.unwrap();
        while next_event_of(&mut events, &environment).await != EventKind::Paused {}
        let error = environment.run(Command::new(["true"])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", subject.name);
        assert!(
            one_line(&error).contains("unpause it first"),
            "{}",
            one_line(&error)
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
        let sample = environment.metrics().await.unwrap();
        assert!(
            sample.is_paused && sample.paused >= Duration::from_millis(300),
            "{}: {sample:?}",
            subject.name
        );
        environment.unpause().await.unwrap();
        let sample = environment.metrics().await.unwrap();
        assert!(!sample.is_paused, "{}: {sample:?}", subject.name);
        sh(&environment, "true").await;
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The end of a container that races with a stop, a kill or a destruction is not an error.
#[tokio::test]
async fn end_races_with_stop_kill_and_destroy() {
    let rounds = rounds(10) as u64;
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mut events = manager.subscribe();
        let main = Main::Command(Command::shell("sleep 0.05"));
        let environment = active(&manager, EnvironmentSpec { main, ..spec() }).await;
        for round in 0..rounds {
            let pause = Duration::from_micros(round * 132_000 / rounds);
            for way in ["stop", "kill"] {
                environment.start().await.unwrap();
                tokio::time::sleep(pause).await;
                let ended = match way {
                    "stop" => environment.stop(Duration::from_secs(2)).await,
                    _ => match environment.kill(Signal::Kill).await {
                        // It had ended before, which this process has seen.
                        Err(error) if error.kind() == ErrorKind::WrongStatus => Ok(()),
                        other => other,
                    },
                };
                ended.unwrap_or_else(|error| panic!("{}: {way}: {}", subject.name, one_line(&error)));
                assert_eq!(environment.status(), Status::Stopped, "{}: {way}", subject.name);
            }
        }
        environment.destroy().await.unwrap();
        for round in 0..rounds {
            let main = Main::Command(Command::shell("sleep 0.02"));
            let environment = active(&manager, EnvironmentSpec { main, ..spec() }).await;
            tokio::time::sleep(Duration::from_micros(round * 68_000 / rounds)).await;
            let destroyed = environment.destroy().await;
            destroyed.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        }
        subject.until_nothing_is_left(&prefix).await;
        // The last senders.
        drop((environment, manager));
        let (mut starts, mut stops, mut ends) = (0, 0, 0);
        while let Some(event) = next_event(&mut events).await {
            match event.unwrap().kind {
                EventKind::Started => starts += 1,
                EventKind::Stopped => stops += 1,
                EventKind::Destroyed => ends += 1,
                _ => {}
            }
        }
        assert_eq!(
            (starts, stops, ends),
            (3 * rounds, 2 * rounds, 1 + rounds),
            "{}",
            subject.name
        );
    }
}

#[tokio::test]
async fn renamed_container_is_that_of_the_environment() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        environment.rename("api.2").await.unwrap();
        let name = subject.containers(&prefix).await.remove(0);
        assert_eq!(
            name,
            format!("{prefix}api.2_{}", environment.id()),
            "{}",
            subject.name
        );
        let containers = subject.docker.containers();
        let inspected = containers.inspect(&name, InspectContainer::default()).await;
        assert!(inspected.unwrap().state.running, "{}", subject.name);
        sh(&environment, "true").await;
        drop(environment);
        subject.until_nothing_is_left(&prefix).await;
    }
}
