//! Checks of commands that do not exit by themselves: timeouts, signals, drops.

use std::time::Duration;

use super::subject::{Outcome, Subject, ensure, equal, read_until, sh, wait_until_gone};
use crate::command::Command;
use crate::command::signal::Signal;

/// Prints its PID and that of a child, then both wait forever.
const TREE: &str = "sleep 100000 & echo $$ $! ready; wait";

fn numbers(line: &str) -> Vec<String> {
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

pub(super) async fn timeout(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let timeout = Some(Duration::from_millis(300));
    let script = format!("echo before; {TREE}");
    let output = environment
        .run(Command {
            timeout,
            ..Command::shell(script)
        })
        .await?;
    ensure(output.exit.timed_out, format!("it ended by {}", output.exit))?;
    ensure(!output.exit.success(), "it counts as a success")?;
    equal("the exit code", output.exit.code, 137)?;
    // The output before the timeout is complete, if the command has printed it.
    let text = output.stdout_text();
    if let Some(line) = text.lines().nth(1) {
        for pid in numbers(line) {
            wait_until_gone(&environment, &pid).await?;
        }
    }
    let timeout = Some(Duration::from_secs(3600));
    let output = environment
        .run(Command {
            timeout,
            ..Command::shell("exit 6")
        })
        .await?;
    equal("timed out", output.exit.timed_out, false)?;
    equal("the exit code of one in time", output.exit.code, 6)
}

pub(super) async fn timeout_while_printing(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let timeout = Some(Duration::from_millis(100));
    let mut execution = environment
        .execute(Command {
            timeout,
            ..Command::new(["yes"])
        })
        .await?;
    let exit = execution.wait().await?;
    ensure(exit.timed_out, format!("it ended by {exit}"))
}

pub(super) async fn signal(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut execution = environment.execute(Command::shell(script)).await?;
    read_until(&mut execution, "ready\n").await?;
    execution.kill(Signal::Terminate).await?;
    read_until(&mut execution, "caught\n").await?;
    equal("the exit code", execution.wait().await?.code, 9)?;
    // A signal after the end does nothing and is not an error.
    Ok(execution.kill(Signal::Kill).await?)
}

pub(super) async fn kill_tree(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let mut execution = environment.execute(Command::shell(TREE)).await?;
    let line = read_until(&mut execution, "ready\n").await?;
    execution.kill(Signal::Kill).await?;
    equal("the exit code", execution.wait().await?.code, 137)?;
    for pid in numbers(&line) {
        wait_until_gone(&environment, &pid).await?;
    }
    Ok(())
}

pub(super) async fn dropped_midway(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let mut execution = environment.execute(Command::shell(TREE)).await?;
    let line = read_until(&mut execution, "ready\n").await?;
    drop(execution);
    for pid in numbers(&line) {
        wait_until_gone(&environment, &pid).await?;
    }
    // The environment still works.
    equal(
        "a command afterwards",
        sh(&environment, "echo fine").await?.as_str(),
        "fine",
    )
}

pub(super) async fn dropped_read(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "n=0; while [ $n -lt 200 ]; do n=$((n+1)); echo $n; done";
    let mut execution = environment.execute(Command::shell(script)).await?;
    let mut text = Vec::new();
    loop {
        // Drops a read whenever no output is ready at the first poll.
        tokio::select! {
            biased;
            chunk = execution.next() => match chunk? {
                Some(crate::Chunk::Stdout(bytes)) => text.extend_from_slice(&bytes),
                Some(crate::Chunk::Stderr(_)) => {}
                None => break,
            },
            () = tokio::task::yield_now() => {}
        }
    }
    let expected: String = (1..=200).map(|n| format!("{n}\n")).collect();
    equal(
        "the output",
        String::from_utf8_lossy(&text).into_owned(),
        expected,
    )
}

pub(super) async fn background(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "sleep 100000 >/dev/null 2>&1 & echo $!";
    let pid = sh(&environment, script).await?;
    let alive = format!("kill -0 {pid} && echo alive");
    equal("it", sh(&environment, &alive).await?.as_str(), "alive")?;
    // A background process that keeps the output open does not delay the end of its command.
    let output = environment
        .run(Command::shell("sleep 100000 & echo started"))
        .await?;
    equal("the output", output.stdout_text().as_str(), "started\n")?;
    equal("the exit code", output.exit.code, 0)?;
    ensure(!output.exit.output_complete, "the output counts as complete")?;
    // A background process that never stops printing does not delay it either.
    let output = environment
        .execute(Command::shell("yes & exit 8"))
        .await?
        .wait()
        .await?;
    equal("the exit code beside a noisy one", output.code, 8)?;
    Ok(environment.destroy().await?)
}

pub(super) async fn destroyed_midway(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let mut execution = environment.execute(Command::shell(TREE)).await?;
    read_until(&mut execution, "ready\n").await?;
    environment.destroy().await?;
    // Engines may report an exit or an error, but not a success.
    match execution.wait().await {
        Ok(exit) => ensure(!exit.success(), "the command counts as a success"),
        Err(_) => Ok(()),
    }
}
