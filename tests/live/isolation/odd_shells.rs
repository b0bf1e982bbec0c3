//! Disturbances of a command shell: variables that rule it, files that change under it, and
//! processes that it does not see.

use std::time::Duration;

use engine_api::volumes::{CreateVolume, RemoveVolume};
use isolation::{Command, Environment, EnvironmentSpec, Mount, ResourceLimits, Variables};
use tests::chain;

use super::command_table::{shell, within};
use super::shell_or_exec::{by_exec, container};
use super::{active, manager, of_image, sh, shells};
use crate::support::{IMAGE, LONG, Subject};

/// The command has the same result as with an exec.
async fn assert_as_exec(subject: &Subject, environment: &Environment, command: &Command, what: &str) {
    let id = container(&subject.docker, environment).await;
    let by_shell = environment.run(command.clone()).await.unwrap();
    let (code, stdout, stderr) = by_exec(&subject.docker, &id, command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        (
            i64::from(by_shell.exit.code),
            by_shell.stdout_text(),
            by_shell.stderr_text()
        ),
        (code, text(&stdout), text(&stderr)),
        "{}: {what}",
        subject.name
    );
}

#[tokio::test]
async fn variables_of_the_image_do_not_rule_the_shell() {
    // One environment for each group: the creation takes the most time.
    let groups: [&[(&str, &str)]; 5] = [
        &[
            ("BASH_FUNC_echo%%", "() { builtin echo intruder; }"),
            ("BASH_FUNC_command%%", "() { builtin echo intruder; }"),
            ("BASH_FUNC_cd%%", "() { :; }"),
            ("BASH_FUNC_read%%", "() { :; }"),
            ("BASH_FUNC_wait%%", "() { :; }"),
            ("BASH_FUNC_kill%%", "() { :; }"),
            ("BASH_FUNC_[%%", "() { return 1; }"),
            ("BASH_FUNC_isolate_held%%", "() { held=1; }"),
        ],
        &[("SHELLOPTS", "nounset:xtrace:verbose")],
        &[
            ("BASHOPTS", "extdebug:nullglob"),
            ("BASH_ENV", "/no/such/file"),
            ("ENV", "/no/such/file"),
            ("PATH", "/nowhere"),
        ],
        &[
            ("LD_PRELOAD", "/no/such/library.so"),
            ("LD_LIBRARY_PATH", "/no/such/directory"),
        ],
        &[("LD_DEBUG", "statistics")],
    ];
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        for variables in groups {
            let env: Variables = variables.iter().copied().collect();
            let environment = active(
                &manager,
                EnvironmentSpec {
                    env,
                    ..of_image(image)
                },
            )
            .await;
            let what = format!("{image} with {variables:?}");
            for command in [
                Command::new(["/bin/pwd"]),
                Command::new(["/bin/echo", "out"]),
                Command::new(["/no/such/program"]),
            ] {
                let command = within(command, "/proc");
                if variables[0].0 == "LD_DEBUG" || command.argv[0] == "/no/such/program" {
                    // The linker prints its PID and times, the daemon its own words.
                    let output = environment.run(command.clone()).await.unwrap();
                    let found = command.argv[0] != "/no/such/program";
                    assert_eq!(output.exit.success(), found, "{}: {what}", subject.name);
                    continue;
                }
                assert_as_exec(&subject, &environment, &command, &what).await;
            }
            environment.destroy().await.unwrap();
        }
    }
}

#[tokio::test]
async fn shell_works_without_the_null_device() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        sh(&environment, "mv /dev/null /dev/gone").await;
        assert_eq!(
            sh(&environment, "echo works").await,
            "works",
            "{}: {image}",
            subject.name
        );
        // Two commands at once need a second shell, which cannot start; nor can an exec on some
        // daemons. Nothing may hang.
        let both = async {
            let run = || environment.run(shell("sleep .2; echo second"));
            tokio::join!(run(), run())
        };
        let (first, second) = tokio::time::timeout(LONG, both).await.unwrap();
        for output in [first, second].into_iter().flatten() {
            let text = output.stdout_text();
            assert!(
                text == "second\n" || !output.exit.success(),
                "{}: {image}: {text}",
                subject.name
            );
        }
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn directory_that_is_made_anew_is_the_new_one() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        sh(&environment, "mkdir /x9; : >/x9/old").await;
        let list = || environment.run(within(Command::new(["ls"]), "/x9"));
        assert_eq!(
            list().await.unwrap().stdout_text(),
            "old\n",
            "{}: {image}",
            subject.name
        );
        sh(&environment, "rm -r /x9; mkdir /x9; : >/x9/new").await;
        assert_eq!(
            list().await.unwrap().stdout_text(),
            "new\n",
            "{}: {image}",
            subject.name
        );
        environment.destroy().await.unwrap();
    }
}

/// A program whose loader is missing is reported as one that cannot be run.
#[tokio::test]
async fn program_without_its_loader_cannot_be_run() {
    for (subject, image) in shells().filter(|(_, image)| *image != IMAGE) {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, of_image(image)).await;
        let script =
            "sed s/ld-linux-x86-64.so.2/no-linux-x86-64.so.2/ /usr/bin/env >/noloader; chmod 755 /noloader";
        sh(&environment, script).await;
        let output = environment.run(Command::new(["/noloader"])).await.unwrap();
        assert!(
            matches!(output.exit.code, 126 | 127),
            "{}: {image}: {}",
            subject.name,
            output.exit
        );
        // The killed processes count until the kernel has removed them. Without a timeout: the test
        // runner reports a test that hangs.
        loop {
            let output = environment.run(shell("echo next")).await.unwrap();
            if output.exit.success() {
                assert_eq!(output.stdout_text(), "next\n", "{}: {image}", subject.name);
                break;
            }
        }
        environment.destroy().await.unwrap();
    }
}

/// A program with the set-user-ID bit of root would leave processes of which an ordinary user sees
/// nothing. `no-new-privileges` takes the bit's effect away.
#[tokio::test]
async fn set_user_id_program_keeps_its_output_apart() {
    for (subject, image) in shells().filter(|(_, image)| *image != IMAGE) {
        let (manager, prefix) = manager(&subject);
        let volume = CreateVolume {
            name: format!("{prefix}files"),
            ..CreateVolume::default()
        };
        let name = subject.docker.volumes().create(volume).await.unwrap().name;
        let mounted = EnvironmentSpec {
            mounts: vec![Mount::volume(&name, "/x")],
            ..of_image(image)
        };
        let writer = active(&manager, mounted.clone()).await;
        sh(&writer, "cp /bin/sh /x/sh; chmod 4755 /x/sh").await;
        writer.destroy().await.unwrap();
        let user = Some("1000".to_owned());
        let environment = active(&manager, EnvironmentSpec { user, ..mounted }).await;
        let output = environment
            .run(shell("/x/sh -c 'sleep .4; echo late' & echo early; exit 5"))
            .await
            .unwrap();
        assert_eq!(output.exit.code, 5, "{}: {image}", subject.name);
        for _ in 0..5 {
            assert_eq!(
                sh(&environment, "echo next").await,
                "next",
                "{}: {image}",
                subject.name
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        environment.destroy().await.unwrap();
        let removal = RemoveVolume::default();
        subject.docker.volumes().remove(&name, removal).await.unwrap();
    }
}

/// No process could be started to kill the others.
#[tokio::test]
async fn fork_bomb_is_killed_at_its_timeout() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        let limits = ResourceLimits {
            pids: Some(60),
            ..ResourceLimits::default()
        };
        let environment = active(
            &manager,
            EnvironmentSpec {
                limits,
                ..of_image(image)
            },
        )
        .await;
        let command = Command {
            timeout: Some(Duration::from_millis(500)),
            // The main shell makes no process once the bomb has begun: it would fail, and end.
            ..shell("b() { b | b & }; b & exec sleep 1000")
        };
        let output = environment.run(command).await.unwrap();
        assert!(
            output.exit.timed_out,
            "{}: {image}: {}",
            subject.name, output.exit
        );
        assert_eq!(
            sh(&environment, "echo next").await,
            "next",
            "{}: {image}",
            subject.name
        );
        environment.destroy().await.unwrap();
    }
}

/// A shell that stays open has the groups of the time when it was opened; an exec has the new ones.
#[tokio::test]
async fn new_groups_of_the_user_hold_for_the_next_command() {
    for (subject, image) in shells() {
        let (manager, _) = manager(&subject);
        // Of a user with a name, the daemon reads the groups for each exec.
        let user = Some("root".to_owned());
        let environment = active(
            &manager,
            EnvironmentSpec {
                user,
                ..of_image(image)
            },
        )
        .await;
        let id = Command::new(["id", "-G"]);
        assert_as_exec(&subject, &environment, &id, image).await;
        sh(&environment, "echo extra:x:4711:root >>/etc/group").await;
        assert_as_exec(&subject, &environment, &id, &format!("{image}, appended")).await;
        sh(
            &environment,
            "sed s/4711/4712/ /etc/group >/etc/new; mv /etc/new /etc/group",
        )
        .await;
        assert_as_exec(&subject, &environment, &id, &format!("{image}, replaced")).await;
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn function_of_the_environment_is_the_commands() {
    for (subject, image) in shells() {
        let (manager, prefix) = manager(&subject);
        let env: Variables = [
            ("BASH_FUNC_echo%%", "() { builtin echo mine; }"),
            ("BASH_FUNC_cd%%", "() { return 1; }"),
        ]
        .into();
        let with_functions = EnvironmentSpec {
            env,
            ..of_image(image)
        };
        let environment = active(&manager, with_functions).await;
        // A command of another user is run by an exec.
        for user in [None, Some("root".to_owned())] {
            for (program, expected) in [("pwd", "/tmp\n"), ("env", "BASH_FUNC_echo%%=() {")] {
                let command = Command {
                    user: user.clone(),
                    working_dir: Some("/tmp".to_owned()),
                    ..Command::new([program])
                };
                let output = environment.run(command).await;
                let output = output.unwrap_or_else(|error| panic!("{}: {}", subject.name, chain(&error)));
                let text = output.stdout_text();
                assert!(
                    text.contains(expected),
                    "{}: {image}: {user:?}: {text}",
                    subject.name
                );
            }
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
