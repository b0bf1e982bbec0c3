//! Calls that take two seconds. Their recordings include the delays of the engine; those of the
//! other scenarios do not.

use engine_api::containers::{ReadLogs, StopContainer, WaitCondition};
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Docker, Output, Result};

use super::{UNTIL_TOLD, has_written, remove, shell, started};

/// Writes a line, and another one two seconds later.
const TWO_LINES: &str = "echo one; sleep 2; echo two";

/// Reads all output.
async fn read(mut output: Output) -> Result<String> {
    let mut text = String::new();
    while let Some(chunk) = output.next().await {
        text.push_str(&String::from_utf8_lossy(chunk?.bytes()));
    }
    Ok(text)
}

/// Stops a container that ignores the signal: it is killed after two seconds.
pub async fn stop(docker: Docker) -> Result<()> {
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let id = started(&docker, shell("patience_stop", deaf)).await?;
    has_written(&docker, &id, "ready").await?;
    let options = StopContainer {
        timeout: Some(2),
        ..Default::default()
    };
    assert!(docker.containers().stop(&id, options).await?);
    let state = docker.containers().inspect(&id, Default::default()).await?.state;
    assert_eq!((state.running, state.exit_code), (false, 137));
    remove(&docker, &id).await
}

/// Waits for a container that ends after two seconds.
pub async fn wait(docker: Docker) -> Result<()> {
    let id = started(&docker, shell("patience_wait", "sleep 2; exit 3")).await?;
    let ended = docker.containers().wait(&id, WaitCondition::NotRunning).await?;
    assert_eq!(ended.status_code, 3);
    remove(&docker, &id).await
}

/// Follows a log whose second line comes two seconds after the first.
pub async fn logs(docker: Docker) -> Result<()> {
    let id = started(&docker, shell("patience_logs", TWO_LINES)).await?;
    let options = ReadLogs {
        follow: true,
        ..Default::default()
    };
    let text = read(docker.containers().logs(&id, options).await?).await?;
    assert_eq!(text, "one\ntwo\n");
    remove(&docker, &id).await
}

/// Reads the same output from a command, on a hijacked connection.
pub async fn exec(docker: Docker) -> Result<()> {
    let id = started(&docker, shell("patience_exec", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let exec = CreateExec {
        cmd: ["sh", "-c", TWO_LINES].into(),
        attach_stdout: true,
        ..Default::default()
    };
    let exec = docker.execs().create(&id, exec).await?.id;
    let connection = docker.execs().start(&exec, StartExec::default()).await?;
    assert_eq!(read(connection.output).await?, "one\ntwo\n");
    assert_eq!(docker.execs().wait(&exec).await?, 0);
    remove(&docker, &id).await
}
