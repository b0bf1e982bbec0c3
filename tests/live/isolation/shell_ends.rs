//! Ends of a command shell, and reasons why it runs no command: output that is held open, a tool
//! that is removed, a pause, a stop, a reader that goes away, a shell that does not answer.

use std::time::{Duration, Instant};

use isolation::{Command, Environment, ErrorKind, Status};

use super::command_table::shell;
use super::shell_or_exec::{by_exec, container};
use super::{active, manager, of_image, sh, shells, spec};
use crate::support::{LONG, engines, one_line, rounds};

/// Commands whose background processes hold the output, at the same time: none of it is in the
/// output of another command, and all of it is in its own as with an exec.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_output_is_in_no_other_command() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let (environment, what) = (&environment, format!("{}: {image}", subject.name));
        let what = &what;
        let lane = |lane: usize| async move {
            for round in 0..rounds(4) {
                let held = format!("(sleep .1; echo late{lane}.{round}) & echo early{lane}.{round}; exit 3");
                let output = environment.run(shell(&held)).await.unwrap();
                assert_eq!(output.exit.code, 3, "{what}");
                let text = output.stdout_text();
                let early = format!("early{lane}.{round}\n");
                let all = format!("{early}late{lane}.{round}\n");
                // Podman ends the output with the command.
                assert!(text == all || (podman && text == early), "{what}: {text:?}");
                let next = format!("next{lane}.{round}");
                assert_eq!(sh(environment, &format!("echo {next}")).await, next, "{what}");
            }
        };
        tokio::join!(lane(0), lane(1), lane(2), lane(3));
        environment.destroy().await.unwrap();
    }
}

/// Whether a command runs in a shell: an exec has no parent in the container.
async fn in_shell(environment: &Environment) -> bool {
    sh(environment, "echo $PPID").await != "0"
}

#[tokio::test]
async fn command_without_a_tool_of_the_shell_gets_an_exec() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        assert!(in_shell(&environment).await, "{}: {image}", subject.name);
        sh(&environment, "rm -f /usr/bin/setsid /bin/setsid").await;
        assert!(!in_shell(&environment).await, "{}: {image}", subject.name);
        let output = environment.run(shell("echo out; exit 4")).await.unwrap();
        assert_eq!((output.exit.code, output.stdout_text().as_str()), (4, "out\n"));
        environment.destroy().await.unwrap();
    }
}

/// Bash reads a text byte by byte: an exec is faster for a long one.
#[tokio::test]
async fn long_command_gets_an_exec_where_sh_is_bash() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let mut command = shell("echo $PPID");
        command.argv.extend((0..3).map(|_| "x".repeat(60_000)));
        let parent = environment.run(command).await.unwrap().stdout_text();
        let by_exec = parent == "0\n";
        assert_eq!(by_exec, image.contains("bash"), "{}: {image}", subject.name);
        assert!(in_shell(&environment).await, "{}: {image}", subject.name);
        environment.destroy().await.unwrap();
    }
}

/// A container that somebody else has paused runs no command, also not when it is resumed.
#[tokio::test]
async fn command_for_a_paused_container_never_runs() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        sh(&environment, "true").await;
        let id = container(&subject.docker, &environment).await;
        let containers = subject.docker.containers();
        containers.pause(&id).await.unwrap();
        let started = tokio::time::timeout(LONG, environment.run(shell("touch /ran"))).await;
        let error = started.expect("the command waits for ever").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", one_line(&error));
        assert!(
            one_line(&error).contains("unpause it first"),
            "{}",
            one_line(&error)
        );
        containers.unpause(&id).await.unwrap();
        environment.unpause().await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let found = sh(&environment, "ls / | grep -c '^ran$' || :").await;
        assert_eq!(found, "0", "{}: {image}", subject.name);
        environment.destroy().await.unwrap();
    }
}

/// A command whose container is stopped or killed has no exit code of its own.
#[tokio::test]
async fn command_in_a_stopped_container_is_an_error() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        for way in ["stop", "kill"] {
            let execution = environment.execute(shell("sleep 1000")).await.unwrap();
            let id = container(&subject.docker, &environment).await;
            let containers = subject.docker.containers();
            match way {
                "stop" => assert!(containers.stop(&id, Default::default()).await.unwrap()),
                _ => containers.kill(&id, Default::default()).await.unwrap(),
            }
            let ended = tokio::time::timeout(LONG, execution.output()).await;
            let error = ended.expect("the command hangs").unwrap_err();
            let text = one_line(&error);
            assert!(
                text.contains("container is exited"),
                "{}: {image}: {text}",
                subject.name
            );
            let state = environment.inspect().await.unwrap();
            assert_eq!(state.status, Status::Stopped, "{}: {image}", subject.name);
            environment.start().await.unwrap();
            assert_eq!(
                sh(&environment, "echo again").await,
                "again",
                "{}: {image}",
                subject.name
            );
        }
        environment.destroy().await.unwrap();
    }
}

/// A command would wait for ever if it wrote into a stream that is not read.
#[tokio::test]
async fn dropped_command_that_writes_is_killed() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        for script in [
            "while :; do echo $0$0$0$0; done",
            "cat /dev/zero",
            "cat /dev/zero >&2",
        ] {
            let mut execution = environment
                .execute(shell(&format!("{script} # 7777")))
                .await
                .unwrap();
            execution.next().await.unwrap();
            // The pipes and the connection are full meanwhile.
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(execution);
            let began = Instant::now();
            let count = "n=0; for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || \
                         { grep -q 7777 $p/cmdline && n=$((n+1)); }; done 2>/dev/null; echo $n # 7777";
            while sh(&environment, count).await != "0" {
                assert!(began.elapsed() < LONG, "{}: {image}: {script}", subject.name);
            }
        }
        environment.destroy().await.unwrap();
    }
}

/// A shell that does not get ready in time is given up, and an exec runs the command.
#[tokio::test]
async fn shell_that_does_not_answer_is_replaced_by_an_exec() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        // A command shell has no arguments, an exec has.
        let script = "mv /bin/sh /bin/true-sh; \
                      printf '#!/bin/ash\\n[ $# = 0 ] && exec sleep 1000\\nexec /bin/ash \"$@\"\\n' >/bin/sh; \
                      chmod 755 /bin/sh";
        sh(&environment, script).await;
        // The first of the two gets the open shell, the other one opens another.
        let run = |script: &'static str| environment.run(Command::new(["/bin/ash", "-c", script]));
        let both = async { tokio::join!(run("sleep 1; echo first"), run("echo second; exit 9")) };
        let (first, second) = tokio::time::timeout(LONG, both).await.expect("a command hangs");
        assert_eq!(first.unwrap().stdout_text(), "first\n", "{}", subject.name);
        let second = second.unwrap();
        assert_eq!((second.exit.code, second.stdout_text().as_str()), (9, "second\n"));
        environment.destroy().await.unwrap();
    }
}

/// A file that cannot be run has the same kind of error on each daemon, unlike every other command.
#[tokio::test]
async fn code_127_of_a_program_is_its_own() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let id = container(&subject.docker, &environment).await;
        // The texts with which daemons report that a program is missing.
        let script =
            "echo 'OCI runtime exec failed: exec: \"sh\": executable file not found in $PATH'; exit 127";
        let command = shell(script);
        let output = environment.run(command.clone()).await.unwrap();
        let (code, stdout, stderr) = by_exec(&subject.docker, &id, &command).await;
        assert_eq!(
            (i64::from(output.exit.code), output.stdout, output.stderr),
            (code, stdout, stderr)
        );
        environment.destroy().await.unwrap();
    }
}
