//! Images with an unusual `PATH`, without a shell, and with other shells than busybox.

use std::time::Duration;

use isolation::{Command, EnvironmentSpec, ErrorKind, Input, Main};

use super::command_table::SHELL_NAMES;
use super::shell_or_exec::IMAGES;
use super::{active, image_without_a_shell, manager, remove_image, spec};
use crate::support::{engines, one_line};

/// The same command with piped input, which only an exec can give it.
fn piped(command: Command) -> Command {
    let input = Input::Piped;
    Command { input, ..command }
}

#[tokio::test]
async fn path_of_the_image_does_not_matter() {
    for subject in engines() {
        for image in IMAGES {
            let (manager, _) = manager(&subject);
            let environment = active(
                &manager,
                EnvironmentSpec {
                    image: Some(image.to_owned()),
                    env: [("PATH", "/opt/only"), ("a.b", "kept")].into(),
                    main: Main::Command(Command::new(["/bin/sleep", "1000"])),
                    ..spec()
                },
            )
            .await;
            for command in [
                Command::new(["/usr/bin/env"]),
                Command::new(["/bin/sh", "-c", "echo PATH=$PATH"]),
            ] {
                let is_env = command.argv.len() == 1;
                for command in [command.clone(), piped(command)] {
                    let output = environment.run(command).await.unwrap().stdout_text();
                    let has = |wanted: &str| output.lines().any(|line| line == wanted);
                    assert!(has("PATH=/opt/only"), "{}: {image}: {output}", subject.name);
                    assert!(has("a.b=kept") || !is_env, "{}: {image}: {output}", subject.name);
                }
            }
            environment.destroy().await.unwrap();
        }
    }
}

#[tokio::test]
async fn exec_loses_no_variable_whatever_the_shell_is() {
    for subject in engines() {
        for image in IMAGES {
            let (manager, _) = manager(&subject);
            let image_of = |env| EnvironmentSpec {
                image: Some(image.to_owned()),
                env,
                ..spec()
            };
            // The idle main process is a shell, too: it ends if `OPTIND` is not a number.
            let ours = || {
                SHELL_NAMES
                    .into_iter()
                    .filter(|name| !["PATH", "OPTIND"].contains(name))
            };
            let variables = ours().map(|name| (name, "of 'it'\n$x")).collect();
            let environment = active(&manager, image_of(variables)).await;
            let plain = active(&manager, image_of(isolation::Variables::default())).await;
            let env = || piped(Command::new(["/usr/bin/env"]));
            for names in SHELL_NAMES.chunks(9) {
                let mut command = env();
                let variables = names
                    .iter()
                    .map(|name| ((*name).to_owned(), "/x \"y\"".to_owned()));
                command.env.extend(variables);
                let output = plain.run(command).await.unwrap().stdout_text();
                for name in names {
                    let wanted = format!("{name}=/x \"y\"");
                    let found = output.lines().any(|line| line == wanted);
                    assert!(found, "{}: {image}: {wanted} is not in {output}", subject.name);
                }
            }
            let output = environment.run(env()).await.unwrap().stdout_text();
            for name in ours() {
                let found = format!("\n{output}").contains(&format!("\n{name}=of 'it'\n$x\n"));
                assert!(found, "{}: {image}: {name} is not in {output}", subject.name);
            }
            environment.destroy().await.unwrap();
            plain.destroy().await.unwrap();
        }
    }
}

#[tokio::test]
async fn image_without_a_shell_runs_commands() {
    for subject in engines() {
        let image = image_without_a_shell(&subject).await;
        let (manager, _) = manager(&subject);
        let environment = active(
            &manager,
            EnvironmentSpec {
                image: Some(image.clone()),
                main: Main::Command(Command::new(["sleep", "1000"])),
                ..EnvironmentSpec::default()
            },
        )
        .await;
        for _ in 0..2 {
            let output = environment
                .run(Command::new(["echo", "a b", "$x"]))
                .await
                .unwrap();
            assert_eq!(
                (output.stdout_text().as_str(), output.exit.code),
                ("a b $x\n", 0),
                "{}",
                subject.name
            );
        }
        let mut cat = Command::new(["cat"]);
        cat.input = Input::Bytes("typed".into());
        assert_eq!(
            environment.run(cat).await.unwrap().stdout_text(),
            "typed",
            "{}",
            subject.name
        );
        let missing = environment.run(Command::new(["no-such-program"])).await.unwrap();
        assert!(
            matches!(missing.exit.code, 126 | 127),
            "{}: {}",
            subject.name,
            missing.exit
        );
        // Nothing can signal a command there, and that is reported.
        let reader = piped(Command::new(["cat"]));
        let mut reader = environment.execute(reader).await.unwrap();
        let error = reader.kill(isolation::Signal::Kill).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", one_line(&error));
        drop(reader.take_stdin());
        assert_eq!(reader.wait().await.unwrap().code, 0, "{}", subject.name);
        let timeout = Some(Duration::from_millis(50));
        let slow = Command {
            timeout,
            ..Command::new(["sleep", "1000"])
        };
        let error = environment.run(slow).await.unwrap_err();
        assert!(
            one_line(&error).contains("has no shell"),
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        let details = environment.inspect().await.unwrap().details;
        assert!(details["shell"].contains("none"), "{}: {details:?}", subject.name);
        environment.destroy().await.unwrap();
        remove_image(&subject, &image).await;
    }
}
