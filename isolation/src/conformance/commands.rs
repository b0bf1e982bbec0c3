//! Checks of commands: arguments, input, output, exit codes.

use bytes::Bytes;

use super::subject::{HostDirectory, Outcome, Subject, Why, ensure, equal, read_until, refused, sh};
use crate::command::Command;
use crate::command::input::Input;
use crate::counted::counted;
use crate::files::CopySource;
use crate::{EnvironmentSpec, ErrorKind};

pub(super) async fn streams_apart(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let output = environment
        .run(Command::shell("echo out; echo err >&2; exit 3"))
        .await?;
    equal("stdout", output.stdout_text().as_str(), "out\n")?;
    equal("stderr", output.stderr_text().as_str(), "err\n")?;
    equal("the exit code", output.exit.code, 3)?;
    ensure(output.exit.output_complete, "the output counts as incomplete")
}

pub(super) async fn exit_codes(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    for code in [0, 1, 42, 255] {
        let output = environment.run(Command::shell(format!("exit {code}"))).await?;
        equal("the exit code", output.exit.code, code)?;
        equal("success", output.exit.success(), code == 0)?;
    }
    // Waits without reading, with more output than the capacity of a pipe.
    let script = "dd if=/dev/zero bs=65536 count=16 2>/dev/null; exit 7";
    let mut execution = environment.execute(Command::shell(script)).await?;
    equal(
        "the exit code after unread output",
        execution.wait().await?.code,
        7,
    )?;
    equal("asked again", execution.wait().await?.code, 7)
}

pub(super) async fn not_started(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let output = environment.run(Command::new(["no-such-program"])).await?;
    equal("no such program", output.exit.code, 127)?;
    ensure(
        !output.stderr.is_empty() || !output.stdout.is_empty(),
        "there is no error message",
    )?;
    environment
        .copy_in(CopySource::bytes("no program"), "plain.txt")
        .await?;
    let output = environment.run(Command::new(["./plain.txt"])).await?;
    equal("a file without permission", output.exit.code, 126)?;
    let input = Input::Bytes("not read".into());
    let output = environment
        .run(Command {
            input,
            ..Command::new(["no-such-program"])
        })
        .await?;
    equal("no such program, with input", output.exit.code, 127)
}

pub(super) async fn bad_command(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let env = [("A=B", "")].into();
    for command in [
        Command::default(),
        Command::new([""]),
        Command::new(["echo", "a\0b"]),
        Command {
            env,
            ..Command::shell("true")
        },
    ] {
        let what = format!("{command:?}");
        refused(&what, environment.execute(command).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

pub(super) async fn arguments(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let words = ["a b", "", "$HOME", "*", "'\"\\", "line\nline", "größe"];
    let argv = ["printf", "[%s]"].into_iter().chain(words);
    let output = environment.run(Command::new(argv)).await?;
    let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
    equal("the arguments", output.stdout_text(), expected)
}

pub(super) async fn half_close(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "while read -r line; do echo got $line; done; echo end; exit 5";
    let command = Command {
        input: Input::Piped,
        ..Command::shell(script)
    };
    let mut execution = environment.execute(command).await?;
    let Some(mut stdin) = execution.take_stdin() else {
        return Err(Why("there is no standard input".into()));
    };
    ensure(
        execution.take_stdin().is_none(),
        "there is a second standard input",
    )?;
    for word in ["one", "two"] {
        stdin.write(format!("{word}\n").as_bytes()).await?;
        read_until(&mut execution, &format!("got {word}\n")).await?;
    }
    stdin.finish().await?;
    read_until(&mut execution, "end\n").await?;
    equal("the exit code", execution.wait().await?.code, 5)?;
    // This input is not taken, so it cannot be written: it is closed, and `cat` exits.
    let command = Command {
        input: Input::Piped,
        ..Command::new(["cat"])
    };
    let output = environment.run(command).await?;
    equal("with input that was not taken", output.exit.code, 0)
}

pub(super) async fn much_input(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let bytes: Vec<u8> = (0..1u32 << 20).map(|n| (n % 251) as u8).collect();
    let input = Input::Bytes(Bytes::from(bytes.clone()));
    let output = environment
        .run(Command {
            input,
            ..Command::new(["cat"])
        })
        .await?;
    ensure(
        output.stdout == bytes,
        format!(
            "{} came back, or others",
            counted(output.stdout.len(), "byte", "bytes")
        ),
    )?;
    equal("the exit code", output.exit.code, 0)
}

pub(super) async fn unread_input(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let input = Input::Bytes(vec![b'x'; 1 << 20].into());
    let output = environment
        .run(Command {
            input,
            ..Command::shell("exit 4")
        })
        .await?;
    equal("the exit code", output.exit.code, 4)
}

pub(super) async fn no_input(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let output = environment.run(Command::new(["cat"])).await?;
    equal("the output of cat", output.stdout_text().as_str(), "")?;
    equal("the exit code", output.exit.code, 0)
}

pub(super) async fn variables(subject: &Subject<'_>) -> Outcome {
    let mut spec: EnvironmentSpec = (subject.make_spec)();
    spec.env.insert("FROM_SPEC".into(), "spec value".into());
    spec.env.insert("OVERRIDDEN".into(), "not visible".into());
    let environment = subject.create(spec).await?;
    environment.start().await?;
    let env = [("OVERRIDDEN", "by the command"), ("EMPTY", "")];
    let env = env.into();
    let output = environment
        .run(Command {
            env,
            ..Command::new(["env"])
        })
        .await?;
    let text = output.stdout_text();
    let found: Vec<&str> = text.lines().collect();
    for line in ["FROM_SPEC=spec value", "OVERRIDDEN=by the command", "EMPTY="] {
        ensure(
            found.contains(&line),
            format!("{line:?} is missing from {found:?}"),
        )?;
    }
    ensure(
        found.iter().any(|line| line.starts_with("PATH=")),
        "there is no PATH",
    )?;
    // Environment variables that an environment sets itself, and whose values may be equal by
    // chance.
    let own = [
        "PATH", "HOME", "LANG", "TERM", "HOSTNAME", "PWD", "SHLVL", "OLDPWD", "_", "TMPDIR",
    ];
    for (name, value) in std::env::vars().filter(|(name, _)| !own.contains(&name.as_str())) {
        let leaked = found.contains(&format!("{name}={value}").as_str());
        ensure(!leaked, format!("{name} of the caller's process is visible"))?;
    }
    Ok(environment.destroy().await?)
}

pub(super) async fn working_directory(subject: &Subject<'_>) -> Outcome {
    let spec = EnvironmentSpec {
        working_dir: Some("/conformance/work".into()),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    environment.start().await?;
    let place = sh(&environment, "mkdir sub; pwd").await?;
    ensure(
        place.ends_with("/conformance/work"),
        format!("commands start in {place}"),
    )?;
    let command = Command {
        working_dir: Some("sub".into()),
        ..Command::new(["pwd"])
    };
    let place = environment.run(command).await?.stdout_text();
    ensure(
        place.ends_with("/conformance/work/sub\n"),
        format!("a relative one leads to {place:?}"),
    )?;
    let directory = HostDirectory::new()?;
    sh(&environment, "echo here > sub/file").await?;
    environment
        .copy_out("sub/file", &directory.0.join("file"))
        .await?;
    equal(
        "a copy from there",
        std::fs::read(directory.0.join("file"))?,
        b"here\n".to_vec(),
    )
}

pub(super) async fn much_output(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    // 16 bytes per line, every line different, on both streams at once.
    let lines = "awk 'BEGIN { for (n = 0; n < 524288; n++) printf \"%015d\\n\", n; }'";
    let script = format!("{lines} & {lines} >&2; wait");
    let output = environment.run(Command::shell(script)).await?;
    equal("the exit code", output.exit.code, 0)?;
    for (what, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        equal(what, bytes.len(), 8 << 20)?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let wrong = lines
            .enumerate()
            .find(|(n, line)| *line != format!("{n:015}\n").as_bytes());
        ensure(
            wrong.is_none(),
            format!("{what} is wrong from line {:?} on", wrong.map(|w| w.0)),
        )?;
    }
    Ok(())
}

pub(super) async fn parallel(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    // Each one can exit only if both run at the same time.
    let first = "echo > a; while [ ! -e b ]; do sleep 0.05; done; echo first";
    let second = "while [ ! -e a ]; do sleep 0.05; done; echo > b; echo second";
    let (first, second) = tokio::join!(
        environment.run(Command::shell(first)),
        environment.run(Command::shell(second))
    );
    equal("the first", first?.stdout_text().as_str(), "first\n")?;
    equal("the second", second?.stdout_text().as_str(), "second\n")
}
