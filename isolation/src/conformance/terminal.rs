//! Commands on a terminal, on engines that have terminals.

use super::subject::{Outcome, Subject, equal};
use crate::command::Command;
use crate::command::input::Input;
use crate::command::terminal::TerminalSize;
use crate::engine::capabilities::Feature;

fn on_a_terminal(script: &str) -> Command {
    Command {
        terminal: Some(TerminalSize {
            rows: 30,
            columns: 90,
        }),
        ..Command::shell(script)
    }
}

/// Both streams are one, and the exit code is that of the command.
pub(super) async fn one_stream(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::Tty) {
        return Ok(());
    }
    let environment = subject.environment().await?;
    let script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo out && echo err >&2; exit 3";
    let output = environment.run(on_a_terminal(script)).await?;
    equal("output", output.stdout_text().as_str(), "out\r\nerr\r\n")?;
    equal("standard error", output.stderr.len(), 0)?;
    equal("exit code", output.exit.code, 3)
}

/// Input ends, whether it is empty, bytes, or piped and not taken.
pub(super) async fn input_ends(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::Tty) {
        return Ok(());
    }
    let environment = subject.environment().await?;
    for input in [Input::Empty, Input::Bytes("text\n".into()), Input::Piped] {
        let command = Command {
            input: input.clone(),
            ..on_a_terminal("cat >/dev/null; echo done")
        };
        let output = environment.run(command).await?;
        let ended = output.stdout_text().ends_with("done\r\n");
        equal(&format!("{input:?}"), ended, true)?;
    }
    Ok(())
}

/// A key such as Ctrl-C is a signal, and the size can be changed while the command runs.
pub(super) async fn keys_and_size(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::Tty) {
        return Ok(());
    }
    let environment = subject.environment().await?;
    let command = Command {
        input: Input::Piped,
        ..on_a_terminal("trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    };
    let mut execution = environment.execute(command).await?;
    // The input stays open: a terminal whose input has ended sends no signals.
    let mut keys = execution.take_stdin();
    let (mut text, mut pressed) = (String::new(), false);
    while let Some(chunk) = execution.next().await? {
        let (crate::Chunk::Stdout(bytes) | crate::Chunk::Stderr(bytes)) = chunk;
        text.push_str(&String::from_utf8_lossy(&bytes));
        if let Some(keys) = keys.as_mut().filter(|_| !pressed && text.contains("ready")) {
            let larger = TerminalSize {
                rows: 50,
                columns: 132,
            };
            execution.resize(larger).await?;
            keys.write(&[3]).await?;
            pressed = true;
        }
    }
    equal("signal", text.contains("caught"), true)?;
    equal("exit code", execution.wait().await?.code, 9)
}
