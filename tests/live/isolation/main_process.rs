//! Main processes with their streams, and images that lack what starts them.

use std::time::Duration;

use engine_api::containers::InspectContainer;
use isolation::{Command, EnvironmentSpec, ErrorKind, Lifetime, Main, Status};

use super::{active, ended, image_without_a_shell, manager, remove_image, spec};
use crate::support::{engines, one_line};

#[tokio::test]
async fn shell_is_found_without_the_path_of_the_image() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        for lifetime in [Lifetime::Owner, Lifetime::Kept] {
            let spec = EnvironmentSpec {
                env: [("PATH", "/opt/only")].into(),
                lifetime,
                ..spec()
            };
            let environment = active(&manager, spec).await;
            let output = environment.run(Command::new(["/bin/echo", "hi"])).await.unwrap();
            assert_eq!(output.stdout_text(), "hi\n", "{}", subject.name);
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(
                environment.inspect().await.unwrap().status,
                Status::Running,
                "{}",
                subject.name
            );
            environment.destroy().await.unwrap();
        }
    }
}

#[tokio::test]
async fn variables_of_the_main_process_are_exact() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let env = [
            ("a.b", "1"),
            ("PWD", "/gone"),
            ("PS1", "$ "),
            ("A", "x\ny"),
            ("IFS", ":"),
            ("l", "2"),
        ];
        let spec = EnvironmentSpec {
            main: Main::Command(Command::new(["cat", "/proc/self/environ"])),
            env: env.into(),
            ..spec()
        };
        let (environment, output) = ended(&manager, spec).await;
        let text = output.stdout_text();
        let found: Vec<(&str, &str)> = text
            .split('\0')
            .filter_map(|entry| entry.split_once('='))
            .collect();
        for pair in env {
            assert!(found.contains(&pair), "{}: {pair:?}: {found:?}", subject.name);
        }
        for (name, _) in &found {
            let known = env.iter().any(|(known, _)| known == name);
            let of_engine = ["PATH", "HOME", "HOSTNAME", "ISOLATION_ENVIRONMENT", "container"].contains(name);
            assert!(known || of_engine, "{}: {name}", subject.name);
        }
        assert_eq!(environment.status(), Status::Stopped, "{}", subject.name);
        let again = environment
            .start_attached()
            .await
            .unwrap()
            .output()
            .await
            .unwrap();
        assert_eq!(again.exit.code, 0, "{}: a second start", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn main_process_has_no_descriptor_of_the_connection() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let spec = EnvironmentSpec {
            main: Main::Command(Command::new(["ls", "/proc/self/fd"])),
            ..spec()
        };
        let (environment, output) = ended(&manager, spec).await;
        // The last one is the directory that `ls` reads.
        assert_eq!(output.stdout_text(), "0\n1\n2\n3\n", "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn terminal_has_a_connection_of_its_own() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let spec = EnvironmentSpec {
            main: Main::Command(Command {
                terminal: Some(isolation::TerminalSize::default()),
                ..Command::new(["sh", "-c", "stty size; read line; echo got $line; exit 5"])
            }),
            ..spec()
        };
        let environment = active(&manager, spec).await;
        let state = environment.inspect().await.unwrap();
        assert!(
            state.details["lifetime"].contains("of its own"),
            "{}: {state:?}",
            subject.name
        );
        let error = environment.start_attached().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{}", one_line(&error));
        let name = subject.containers(&prefix).await.remove(0);
        let found = subject
            .docker
            .containers()
            .inspect(&name, InspectContainer::default())
            .await;
        assert_eq!(found.unwrap().host_config.init, Some(true), "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn image_without_a_shell_runs_its_main_process() {
    for subject in engines() {
        let image = image_without_a_shell(&subject).await;
        let (manager, prefix) = manager(&subject);
        let spec = EnvironmentSpec {
            image: Some(image.clone()),
            main: Main::Command(Command::new(["echo", "no shell"])),
            ..EnvironmentSpec::default()
        };
        let (environment, output) = ended(&manager, spec.clone()).await;
        assert_eq!(
            output.stdout_text(),
            "no shell\n",
            "{}: {}",
            subject.name,
            output.stderr_text()
        );
        let state = environment.inspect().await.unwrap();
        assert!(
            state.details["lifetime"].contains("by cleanup"),
            "{}: {state:?}",
            subject.name
        );
        environment.destroy().await.unwrap();
        // Also if its output is not read.
        let environment = active(&manager, spec).await;
        assert_eq!(environment.wait().await.unwrap().code, 0, "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&subject, &image).await;
    }
}
