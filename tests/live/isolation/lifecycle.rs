//! Stop, start, main processes, and environments of other processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_api::volumes::{CreateVolume, RemoveVolume};
use isolation::{
    Command, EnvironmentSpec, ErrorKind, LogProbe, Main, Mount, NetworkMode, NetworkSpec, SecuritySpec,
    Signal, Status, WaitFor, conformance,
};

use super::{active, create, engine, manager, sh, spec};
use crate::support::{LONG, engines, one_line, rounds};

#[tokio::test]
async fn random_walk_agrees_with_the_model() {
    let given = std::env::var("MODEL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let seed = given.unwrap_or_else(|| time.into());
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let walked = conformance::walk(Arc::new(engine), &spec, seed, 200).await;
        walked.unwrap_or_else(|wrong| panic!("{}: {wrong}", subject.name));
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn stopped_environment_is_listed_as_stopped() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        for round in 0..rounds(6) {
            environment.stop(Duration::from_secs(1)).await.unwrap();
            let (listed, _) = manager.registry().list().await;
            let ours = listed.iter().find(|summary| summary.id == *environment.id());
            let status = ours.unwrap().status;
            assert_eq!(status, Status::Stopped, "{}: round {round}", subject.name);
            environment.start().await.unwrap();
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn paused_environment_can_be_stopped() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        sh(&environment, "true").await; // a command shell is open now
        let container = subject.containers(&prefix).await.remove(0);
        subject.docker.containers().pause(&container).await.unwrap();
        let error = environment.run(Command::new(["true"])).await.unwrap_err();
        assert!(
            one_line(&error).contains("paused; unpause it first"),
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        for touched in ["/one", "/two"] {
            let error = environment
                .run(Command::new(["touch", touched]))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", subject.name);
        }
        subject.docker.containers().unpause(&container).await.unwrap();
        // A rejected command does not run when the container is resumed.
        assert_eq!(
            sh(&environment, "sleep 0.5; ls / | grep -c -e one -e two || :").await,
            "0",
            "{}",
            subject.name
        );
        subject.docker.containers().pause(&container).await.unwrap();
        let began = Instant::now();
        let stopped = environment.stop(LONG).await;
        stopped.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert!(began.elapsed() < LONG, "{}", subject.name);
        assert_eq!(
            environment.inspect().await.unwrap().status,
            Status::Stopped,
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn program_of_the_image_is_the_main_process() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        // The program of busybox is a shell, which reads the end of its input.
        let main = Main::Image;
        let environment = active(&manager, EnvironmentSpec { main, ..spec() }).await;
        assert_eq!(environment.wait().await.unwrap().code, 0, "{}", subject.name);
        assert_eq!(environment.status(), Status::Stopped, "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn rooms_of_the_specification_hold() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let volume = format!("{prefix}volume");
        let made = CreateVolume {
            name: volume.clone(),
            ..CreateVolume::default()
        };
        subject.docker.volumes().create(made).await.unwrap();
        let spec = EnvironmentSpec {
            mounts: vec![
                Mount::tmpfs("/scratch", Some(1 << 20)),
                Mount::volume(&volume, "/data"),
            ],
            network: NetworkSpec {
                mode: NetworkMode::None,
                ..NetworkSpec::default()
            },
            security: SecuritySpec {
                read_only_root: true,
                ..SecuritySpec::default()
            },
            user: Some("1000:1000".into()),
            ..spec()
        };
        let environment = active(&manager, spec).await;
        let script = "id -u; touch /x 2>/dev/null || echo read-only; ls /sys/class/net | tr '\\n' ' '; \
                      dd if=/dev/zero of=/scratch/big bs=65536 count=64 2>/dev/null || echo full; ls -d /data";
        let seen = sh(&environment, script).await;
        assert_eq!(seen, "1000\nread-only\nlo full\n/data", "{}", subject.name);
        environment.destroy().await.unwrap();
        let volumes = subject.docker.volumes();
        volumes.inspect(&volume).await.unwrap();
        volumes.remove(&volume, RemoveVolume::default()).await.unwrap();
    }
}

#[tokio::test]
async fn failed_start_is_an_error_and_leaves_nothing() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for (program, kind) in [
            ("no-such-program", ErrorKind::NotFound),
            ("/etc", ErrorKind::InvalidInput),
        ] {
            let main = Main::Command(Command::new([program]));
            let error = create(&manager, EnvironmentSpec { main, ..spec() })
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {}", subject.name, one_line(&error));
            assert!(!one_line(&error).contains("exit code"), "{}", one_line(&error));
        }
        let network = NetworkSpec {
            mode: NetworkMode::Named("no-such-network".into()),
            ..NetworkSpec::default()
        };
        let error = create(&manager, EnvironmentSpec { network, ..spec() })
            .await
            .unwrap_err();
        assert!(
            one_line(&error).contains("no-such-network"),
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn stop_with_a_signal_ends_the_main_process() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for (script, code, grace) in [
            (
                "trap 'exit 3' USR1; echo up; while true; do sleep 0.1; done",
                3,
                LONG,
            ),
            (
                "trap '' USR1; echo up; while true; do sleep 0.1; done",
                137,
                Duration::from_secs(1),
            ),
        ] {
            let spec = EnvironmentSpec {
                main: Main::Command(Command::shell(script)),
                ready: Some(WaitFor::Log(LogProbe::new("up")).into()),
                ..spec()
            };
            let environment = active(&manager, spec).await;
            let stopped = environment.stop_with(Signal::User1, grace).await;
            stopped.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
            let exit = environment.inspect().await.unwrap().exit.unwrap();
            assert_eq!(exit.code, code, "{}: {script}", subject.name);
            environment.destroy().await.unwrap();
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}
