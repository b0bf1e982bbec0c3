//! Commands in command shells: the same results as with an exec.

use std::time::Duration;

use engine_api::containers::{ContainerFilters, ListContainers};
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Docker, Hijacked};
use isolation::{Command, Environment, ErrorKind, Input, Signal};

use super::command_table::{commands, shell, within};
use super::{active, manager, sh, spec};
use crate::support::engines;

/// Files for the commands: programs that cannot be run, directories, a link.
const FILES: &str = r#"mkdir -p "/x/d 'q" /x/t/u /x/bin; cd /x; ln -s /x/t/u link
printf '#!/no/such/interpreter\n' >badint; printf 'echo no first line\n' >nobang; : >empty; : >plain
printf '#!/bin/sh\necho p "$0" "$@"\n' >p; cp p a=b; cp p bin/echo; cp p bin/cat
chmod 755 badint nobang empty p a=b bin/*; chmod 644 plain"#;

/// Exit code, standard output, standard error.
type Outcome = (i64, Vec<u8>, Vec<u8>);

/// The ID of an environment's container.
async fn container(docker: &Docker, environment: &Environment) -> String {
    let filters = ContainerFilters {
        name: [environment.id().as_str()].into(),
        ..ContainerFilters::default()
    };
    let options = ListContainers {
        filters,
        ..ListContainers::default()
    };
    docker.containers().list(options).await.unwrap()[0].id.clone()
}

/// Runs a command with an exec of the daemon.
async fn by_exec(docker: &Docker, container: &str, command: &Command) -> Outcome {
    let input = match &command.input {
        Input::Bytes(bytes) => Some(bytes),
        _ => None,
    };
    let options = CreateExec {
        cmd: command.argv.clone().into(),
        env: command
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        working_dir: command.working_dir.clone().unwrap_or_default(),
        attach_stdin: input.is_some(),
        attach_stdout: true,
        attach_stderr: true,
        ..CreateExec::default()
    };
    let execs = docker.execs();
    let exec = execs.create(container, options).await.unwrap().id;
    let Hijacked {
        input: mut stdin,
        output,
        ..
    } = execs.start(&exec, StartExec::default()).await.unwrap();
    let write = async {
        if let Some(bytes) = input {
            // A command may end without reading all its input.
            let _ = stdin.write(bytes).await;
            let _ = stdin.close().await;
        }
    };
    let (output, ()) = tokio::join!(output.collect(), write);
    let (stdout, stderr) = output.unwrap();
    (execs.wait(&exec).await.unwrap(), stdout.to_vec(), stderr.to_vec())
}

async fn by_shell(environment: &Environment, command: &Command) -> Outcome {
    let output = environment.run(command.clone()).await.unwrap();
    (output.exit.code.into(), output.stdout, output.stderr)
}

/// The lines in order, because `env` prints variables in any order.
fn sorted(command: &Command, (code, stdout, stderr): Outcome) -> Outcome {
    if command.argv != ["env"] {
        return (code, stdout, stderr);
    }
    let mut lines: Vec<_> = stdout.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    (code, lines.join(&b'\n'), stderr)
}

#[tokio::test]
async fn shells_and_execs_have_the_same_results() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let container = container(&subject.docker, &environment).await;
        assert_eq!(by_exec(&subject.docker, &container, &shell(FILES)).await.0, 0);
        // A command in a shell has a parent in the container; one of an exec has not.
        assert_ne!(sh(&environment, "echo $PPID").await, "0", "{}", subject.name);
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        for command in commands() {
            // Podman passes another `argv[0]`, and reports input that is not read on stderr.
            if podman && (command.argv[0] == "./p" || command.argv[0] == "true" || command.argv[0] == "head")
            {
                continue;
            }
            let shell = sorted(&command, by_shell(&environment, &command).await);
            let exec = sorted(&command, by_exec(&subject.docker, &container, &command).await);
            let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
            assert!(
                shell == exec,
                "{}: {:.300?} {:?}\nshell: {} {:?} {:?}\nexec:  {} {:?} {:?}",
                subject.name,
                command.argv,
                command.env,
                shell.0,
                text(&shell.1),
                text(&shell.2),
                exec.0,
                text(&exec.1),
                text(&exec.2),
            );
        }
        assert_ne!(sh(&environment, "echo $PPID").await, "0", "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn command_that_cannot_be_run_is_reported() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        sh(&environment, FILES).await;
        let code = |argv: &str| {
            let command = Command::new([argv]);
            let environment = &environment;
            async move { environment.run(command).await.unwrap().exit.code }
        };
        assert_eq!(code("no-such-program").await, 127, "{}", subject.name);
        assert_eq!(code("/x/none").await, 127, "{}", subject.name);
        assert_eq!(code("/x/plain").await, 126, "{}", subject.name);
        assert_eq!(code("/x/t").await, 126, "{}", subject.name);
        // An exec runs these; `sh` reads a text without an interpreter.
        assert!(matches!(code("/x/badint").await, 126 | 127), "{}", subject.name);
        assert_eq!(code("/x/a=b").await, 0, "{}", subject.name);
        let missing = within(Command::new(["true"]), "/none");
        let error = environment.run(missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", subject.name);
        assert!(error.to_string().contains("execute"), "{error}");
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn background_output_stays_with_its_command() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let scripts = [
            "(sleep .4; echo late) & echo early; exit 5",
            "setsid sh -c 'exec >/dev/null; sleep .4; echo late >&2' & echo early; exit 5",
            "(setsid sh -c '(sleep .4; echo late) & exit' &) ; echo early; exit 5",
        ];
        for script in scripts {
            let output = environment.run(shell(script)).await.unwrap();
            assert_eq!(output.exit.code, 5, "{}: {script}", subject.name);
            assert!(
                output.stdout.starts_with(b"early\n"),
                "{}: {script}",
                subject.name
            );
            // Docker reads on after the end; Podman ends the output with the command.
            if !podman {
                let text = output.stdout_text() + &output.stderr_text();
                assert!(text.contains("late"), "{}: {script}: {text}", subject.name);
                assert!(output.exit.output_complete, "{}: {script}", subject.name);
            }
            assert_eq!(sh(&environment, "echo next").await, "next", "{}", subject.name);
        }
        let output = environment
            .run(shell("sleep 30 & echo early; exit 6"))
            .await
            .unwrap();
        assert_eq!(
            (output.exit.code, output.stdout_text().as_str()),
            (6, "early\n"),
            "{}",
            subject.name
        );
        assert!(!output.exit.output_complete, "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_commands_do_not_mix_their_output() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let environment = &environment;
        let lane = |lane: usize| async move {
            for round in 0..25 {
                let script = format!(
                    "echo o{lane}.{round}; echo e{lane}.{round} >&2; exit {}",
                    round % 7
                );
                let output = environment.run(shell(&script)).await.unwrap();
                assert_eq!(output.exit.code, round % 7);
                assert_eq!(output.stdout_text(), format!("o{lane}.{round}\n"));
                assert_eq!(output.stderr_text(), format!("e{lane}.{round}\n"));
            }
        };
        tokio::join!(lane(0), lane(1), lane(2), lane(3));
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn killed_shell_loses_only_its_command() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let error = environment
            .run(shell("echo x; kill -9 $PPID; sleep 30"))
            .await
            .unwrap_err();
        let text = crate::support::one_line(&error);
        assert!(text.contains("outcome is unknown"), "{}: {text}", subject.name);
        assert_eq!(sh(&environment, "echo next").await, "next", "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn processes_that_leave_the_group_are_killed() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let script = "trap '' TERM INT; setsid sh -c 'trap \"\" TERM; sleep 7777' & (setsid sleep 7777 &); \
                      sleep 7777 & wait; sleep 7777";
        let timeout = Some(Duration::from_millis(400));
        let output = environment
            .run(Command {
                timeout,
                ..shell(script)
            })
            .await
            .unwrap();
        assert!(output.exit.timed_out, "{}", subject.name);
        let left = "grep -l 7777 /proc/[0-9]*/cmdline 2>/dev/null | grep -v /proc/self; :";
        let count = "n=0; for p in /proc/[0-9]*; do read -r l <$p/comm; [ \"$l\" = sleep ] && \
                     grep -q 7777 $p/cmdline && n=$((n+1)); done 2>/dev/null; echo $n";
        assert_eq!(
            sh(&environment, count).await,
            "0",
            "{}: {}",
            subject.name,
            sh(&environment, left).await
        );
        // A dropped command, too.
        let mut execution = environment.execute(shell(script)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        execution.kill(Signal::Hangup).await.unwrap();
        drop(execution);
        let mut counted = String::new();
        for _ in 0..100 {
            counted = sh(&environment, count).await;
            if counted == "0" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(counted, "0", "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}
