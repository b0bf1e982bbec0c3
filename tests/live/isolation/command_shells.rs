//! Commands in command shells: how they start and how they end.

use std::time::Duration;

use isolation::{Command, ErrorKind, Signal};

use super::command_table::{shell, within};
use super::shell_or_exec::FILES;
use super::{active, manager, of_image, sh, shells};
use crate::support::{one_line, until};

#[tokio::test]
async fn command_that_cannot_be_run_is_reported() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        sh(&environment, FILES).await;
        let code = |argv: &str| {
            let command = Command::new([argv]);
            let environment = &environment;
            async move { environment.run(command).await.unwrap().exit.code }
        };
        assert_eq!(code("no-such-program").await, 127, "{}: {image}", subject.name);
        assert_eq!(code("/x/none").await, 127, "{}: {image}", subject.name);
        assert_eq!(code("/x/plain").await, 126, "{}: {image}", subject.name);
        assert_eq!(
            code("/x/empty").await,
            code("/x/nobang").await,
            "{}: {image}",
            subject.name
        );
        assert_eq!(code("/x/t").await, 126, "{}: {image}", subject.name);
        // An exec runs these; `sh` reads a text without an interpreter.
        assert!(
            matches!(code("/x/badint").await, 126 | 127),
            "{}: {image}",
            subject.name
        );
        assert_eq!(code("/x/a=b").await, 0, "{}: {image}", subject.name);
        let missing = within(Command::new(["true"]), "/none");
        let error = environment.run(missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}: {image}", subject.name);
        assert!(error.to_string().contains("execute"), "{error}");
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn background_output_stays_with_its_command() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let scripts = [
            "(sleep .4; echo late) & echo early; exit 5",
            "setsid sh -c 'exec >/dev/null; sleep .4; echo late >&2' & echo early; exit 5",
            "(setsid sh -c '(sleep .4; echo late) & exit' &) ; echo early; exit 5",
            // A chain that forks and ends while the shell looks for it.
            "((sleep .01; (sleep .01; (sleep .4; echo late) &) &) &); echo early; exit 5",
        ];
        for script in scripts {
            let output = environment.run(shell(script)).await.unwrap();
            assert_eq!(output.exit.code, 5, "{}: {image}: {script}", subject.name);
            assert!(
                output.stdout.starts_with(b"early\n"),
                "{}: {image}: {script}",
                subject.name
            );
            // Docker reads on after the end; Podman ends the output with the command.
            if !podman {
                let text = output.stdout_text() + &output.stderr_text();
                assert!(
                    text.contains("late"),
                    "{}: {image}: {script}: {text}",
                    subject.name
                );
                assert!(output.exit.output_complete, "{}: {image}: {script}", subject.name);
            }
            assert_eq!(
                sh(&environment, "echo next").await,
                "next",
                "{}: {image}",
                subject.name
            );
        }
        let output = environment
            .run(shell("sleep 1000 & echo early; exit 6"))
            .await
            .unwrap();
        assert_eq!(
            (output.exit.code, output.stdout_text().as_str()),
            (6, "early\n"),
            "{}: {image}",
            subject.name
        );
        assert!(!output.exit.output_complete, "{}: {image}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_commands_do_not_mix_their_output() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
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
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let error = environment
            .run(shell("echo x; kill -9 $PPID; sleep 1000"))
            .await
            .unwrap_err();
        let text = one_line(&error);
        assert!(
            text.contains("outcome is unknown"),
            "{}: {image}: {text}",
            subject.name
        );
        assert_eq!(
            sh(&environment, "echo next").await,
            "next",
            "{}: {image}",
            subject.name
        );
        let sleepers = "grep -c '^sleep' /proc/[0-9]*/comm | grep -c ':1'; :";
        assert_eq!(sh(&environment, sleepers).await, "0", "{}: {image}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn processes_that_leave_the_group_are_killed() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
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
        assert!(output.exit.timed_out, "{}: {image}", subject.name);
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
        let what = format!(
            "{}: {image}: processes of a dropped command are left",
            subject.name
        );
        until(&what, async || sh(&environment, count).await == "0").await;
        environment.destroy().await.unwrap();
    }
}
