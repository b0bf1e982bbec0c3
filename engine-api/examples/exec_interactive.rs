//! Writes to a command in a running container, closes its input and reads the rest of its output.
//!
//! ```console
//! $ cargo run -p engine-api --example exec_interactive
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RemoveContainer, StartContainer};
use engine_api::exec::{CreateExec, StartExec};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let sleeper = CreateContainer {
        image: "busybox".into(),
        cmd: ["sleep", "60"].into(),
        ..Default::default()
    };
    let id = docker.containers().create(sleeper).await?.id;
    let talked = talk(&docker, &id).await;
    let remove = RemoveContainer {
        force: true,
        ..Default::default()
    };
    docker.containers().remove(&id, remove).await?;
    talked
}

async fn talk(docker: &Docker, container: &str) -> engine_api::Result<()> {
    docker
        .containers()
        .start(container, StartContainer::default())
        .await?;
    let script = "read name; echo \"hello $name\"; wc -l";
    let command = CreateExec {
        cmd: ["sh", "-c", script].into(),
        attach_stdin: true,
        attach_stdout: true,
        attach_stderr: true,
        ..Default::default()
    };
    let execs = docker.execs();
    let exec = execs.create(container, command).await?.id;
    let mut talk = execs.start(&exec, StartExec::default()).await?;

    talk.input.write(b"world\n").await?;
    if let Some(answer) = talk.output.next().await {
        println!("it says {:?}", String::from_utf8_lossy(answer?.bytes()));
    }
    talk.input.write(b"one\ntwo\n").await?;
    talk.input.close().await?; // the end of the input; the output stays open
    while let Some(chunk) = talk.output.next().await {
        println!("it counted {}", String::from_utf8_lossy(chunk?.bytes()).trim());
    }
    println!("exit code: {}", execs.wait(&exec).await?);
    Ok(())
}
