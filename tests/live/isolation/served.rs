//! The docker engine of another process, through the protocol.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use isolation::engines::external::ExternalEngine;
use isolation::{
    Command, EngineChoice, EnvironmentId, EnvironmentSpec, EventKind, ForkOptions, Main, Manager, Registry,
    Signal, conformance,
};

use super::spec;
use crate::support::{Subject, engines, next_event_of};

/// The engine `served`, its prefix, and the directory of its program.
fn served(subject: &Subject) -> (ExternalEngine, String, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("isolation-engine-served");
    let prefix = format!("live_{}_", EnvironmentId::random().short());
    let text = format!(
        "#!/bin/sh\nexec '{}' '{}' {prefix}\n",
        env!("CARGO_BIN_EXE_serve"),
        subject.docker.address()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (ExternalEngine::at("served", program), prefix, directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn served_engine_passes_the_conformance_suite() {
    for subject in engines() {
        let (engine, prefix, _directory) = served(&subject);
        let report = conformance::check(Arc::new(engine), &spec).await;
        assert!(report.failed.is_empty(), "{}: {report}", subject.name);
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn served_engine_forks_pauses_and_reports() {
    for subject in engines() {
        let (engine, prefix, _directory) = served(&subject);
        let mut registry = Registry::new();
        registry.register(engine).unwrap();
        let manager = Manager::new(registry);
        let choice = EngineChoice::Named("served".to_owned());
        let spec = EnvironmentSpec {
            main: Main::Command(Command::shell(
                "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done",
            )),
            ..spec()
        };
        let environment = manager.create(&choice, spec).await.unwrap();
        environment.run(Command::shell("echo one > /file")).await.unwrap();
        environment.pause().await.unwrap();
        environment.unpause().await.unwrap();
        assert!(environment.metrics().await.unwrap().memory > 0);
        assert!(!environment.processes().await.unwrap().is_empty());
        let forks = manager
            .fork(&environment, 2, ForkOptions::default())
            .await
            .unwrap();
        for fork in &forks {
            let read = fork
                .run(Command::shell("cat /file; echo two > /file"))
                .await
                .unwrap();
            assert_eq!(read.stdout_text(), "one\n");
        }
        let read = environment.run(Command::shell("cat /file")).await.unwrap();
        assert_eq!(read.stdout_text(), "one\n");

        let watching = manager.watch("served").await.unwrap();
        let mut events = manager.subscribe();
        environment.kill(Signal::Terminate).await.unwrap();
        loop {
            let kind = next_event_of(&mut events, &environment).await;
            if matches!(kind, EventKind::Exited { exit } if exit.code == 3) {
                break;
            }
        }
        drop(watching);
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
