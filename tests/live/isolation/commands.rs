//! Commands in an environment, and how they end.

use isolation::{Command, Environment, EnvironmentSpec, Input, ResourceLimits, TerminalSize};

use super::{active, manager, sh, spec};
use crate::support::{LONG, engines, one_line, until};

#[tokio::test]
async fn out_of_memory_command_is_reported() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let limits = ResourceLimits {
            memory: Some(96 << 20),
            ..ResourceLimits::default()
        };
        let environment = active(&manager, EnvironmentSpec { limits, ..spec() }).await;
        // In a command shell, and as an exec.
        for input in [Input::Empty, Input::Piped] {
            let hungry = Command {
                input,
                ..Command::new(["tail", "/dev/zero"])
            };
            let output = environment.run(hungry).await.unwrap();
            assert_eq!(output.exit.code, 137, "{}", subject.name);
            assert!(output.exit.oom, "{}", subject.name);
            let next = Command::shell("echo still there; exit 137");
            let output = environment.run(next).await.unwrap();
            assert_eq!(output.stdout_text(), "still there\n", "{}", subject.name);
            assert_eq!(
                (output.exit.code, output.exit.oom),
                (137, false),
                "{}",
                subject.name
            );
        }
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn every_variable_arrives_whatever_its_name() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let env = [("discovery.type", "single node"), ("UID", "7"), ("A", "spec")].into();
        let environment = active(&manager, EnvironmentSpec { env, ..spec() }).await;
        let env = [("a-b", "$HOME"), ("A", "command")].into();
        let command = Command {
            env,
            ..Command::new(["env"])
        };
        let output = environment.run(command).await.unwrap().stdout_text();
        let here = format!("ISOLATION_ENVIRONMENT={}", environment.id());
        for line in [
            "discovery.type=single node",
            "UID=7",
            "a-b=$HOME",
            "A=command",
            &here,
        ] {
            let there = output.lines().any(|found| found == line);
            assert!(there, "{}: {line}: {output}", subject.name);
        }
        environment.destroy().await.unwrap();
    }
}

async fn ends_on_a_terminal(environment: &Environment, input: Input, name: &str) {
    let cat = Command {
        terminal: Some(TerminalSize::default()),
        input,
        ..Command::new(["cat"])
    };
    let output = tokio::time::timeout(LONG, environment.run(cat)).await;
    let output = output.unwrap_or_else(|_| panic!("{name}: cat did not end"));
    assert_eq!(output.unwrap().exit.code, 0, "{name}");
}

#[tokio::test]
async fn a_terminal_is_one_stream_and_reads_to_an_end() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let script = "[ -t 0 ] && [ -t 1 ] && echo out && echo err >&2; exit 3";
        let command = Command {
            terminal: Some(TerminalSize::default()),
            ..Command::shell(script)
        };
        let output = environment.run(command).await.unwrap();
        assert_eq!(output.stdout_text(), "out\r\nerr\r\n", "{}", subject.name);
        assert_eq!(
            (output.exit.code, output.stderr.len()),
            (3, 0),
            "{}",
            subject.name
        );
        for input in [Input::Empty, Input::Bytes("hello\n".into()), Input::Piped] {
            ends_on_a_terminal(&environment, input, &subject.name).await;
        }
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn orphans_are_reaped() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let leave = "for n in 1 2 3; do (sleep 0.1 >/dev/null 2>&1 &) ; done";
        sh(&environment, leave).await;
        let ended = "cat /proc/[0-9]*/status 2>/dev/null | grep -c -e ^Name:.sleep -e '^State:.Z'; :";
        let what = format!("{}: orphans are left", subject.name);
        until(&what, async || sh(&environment, ended).await == "0").await;
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn missing_working_directory_is_reported() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let command = Command {
            working_dir: Some("/no/such/directory".to_owned()),
            ..Command::new(["pwd"])
        };
        let error = environment.run(command).await.unwrap_err();
        assert!(error.is_not_found(), "{}: {}", subject.name, one_line(&error));
        environment.destroy().await.unwrap();
    }
}
