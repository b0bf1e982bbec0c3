//! Commands in running containers.

use engine_api::containers::TerminalSize;
use engine_api::exec::{CreateExec, RunExec, StartExec};
use engine_api::{Chunk, Docker, Hijacked, Result};

use super::{APART, UNTIL_TOLD, has_written, remove, shell, started};

fn command(words: &[&str]) -> CreateExec {
    CreateExec {
        cmd: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Default::default()
    }
}

/// Runs a command to its end: separate streams, exit code, environment, and a command that cannot
/// be run.
pub async fn run(docker: Docker) -> Result<()> {
    let id = started(&docker, shell("exec", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let script = format!("echo $GREETING; {APART}; pwd >&2; exit 7");
    let mut exec = command(&["sh", "-c", &script]);
    exec.env = ["GREETING=hello"].into();
    exec.working_dir = "/tmp".into();
    let finished = docker.execs().run(&id, exec).await?;
    assert_eq!((finished.exit_code, finished.output_complete), (7, true));
    assert_eq!(
        (&finished.stdout[..], &finished.stderr[..]),
        (&b"hello\n"[..], &b"/tmp\n"[..])
    );

    let missing = docker.execs().run(&id, command(&["no-such-command"])).await?;
    assert!([126, 127].contains(&missing.exit_code), "{missing:?}");
    remove(&docker, &id).await?;
    let gone = docker.execs().run(&id, command(&["true"])).await.unwrap_err();
    assert!(gone.is_not_found(), "{gone}");
    Ok(())
}

/// Sends input and closes it, while the output comes back.
pub async fn stdin(docker: Docker) -> Result<()> {
    let id = started(&docker, shell("exec_stdin", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    // More than a pipe holds, so that writes and reads overlap.
    let input: String = (0..4000).map(|n| format!("line {n} of the input\n")).collect();
    let options = RunExec {
        input: input.clone().into(),
    };
    let finished = docker.execs().run_with(&id, command(&["cat"]), options).await?;
    assert_eq!(finished.exit_code, 0);
    assert!(
        finished.stdout == input,
        "{} of {} bytes came back",
        finished.stdout.len(),
        input.len()
    );
    remove(&docker, &id).await
}

/// A command with a terminal, and the size of that terminal.
pub async fn terminal(docker: Docker) -> Result<()> {
    let execs = docker.execs();
    let id = started(&docker, shell("exec_tty", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let mut exec = command(&["sh", "-c", "read line; stty size; exit 6"]);
    (exec.tty, exec.attach_stdin, exec.attach_stdout) = (true, true, true);
    let exec = execs.create(&id, exec).await?.id;
    let Hijacked {
        mut input,
        mut output,
        ..
    } = execs
        .start(
            &exec,
            StartExec {
                tty: true,
                ..Default::default()
            },
        )
        .await?;
    execs
        .resize(
            &exec,
            TerminalSize {
                height: 33,
                width: 99,
            },
        )
        .await?;
    input.write(b"go\n").await?;
    let mut text = String::new();
    while let Some(chunk) = output.next().await {
        let chunk = chunk?;
        assert!(matches!(chunk, Chunk::Terminal(_)));
        text.push_str(&String::from_utf8_lossy(chunk.bytes()));
    }
    assert!(text.ends_with("33 99\r\n"), "{text:?}");
    assert_eq!(execs.wait(&exec).await?, 6);
    remove(&docker, &id).await
}

/// It runs longer than the time until the first polls.
const LONGER: &str = "sleep 0.7; exit 9";

/// A detached command, without streams.
pub async fn detached(docker: Docker) -> Result<()> {
    let execs = docker.execs();
    let id = started(&docker, shell("exec_detached", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let exec = execs.create(&id, command(&["sh", "-c", LONGER])).await?.id;
    execs.start_detached(&exec).await?;
    assert_eq!(execs.wait(&exec).await?, 9);
    let inspected = execs.inspect(&exec).await?;
    assert_eq!((inspected.running, inspected.exit_code), (false, Some(9)));
    remove(&docker, &id).await
}
