//! Follows the logs of a container until it ends, with the time of each line.
//!
//! ```console
//! $ cargo run -p engine-api --example follow_logs            # one that counts to three
//! $ cargo run -p engine-api --example follow_logs -- NAME    # one of yours
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)] // an example prints its results

use engine_api::containers::{CreateContainer, ReadLogs, RemoveContainer, StartContainer};
use engine_api::{Chunk, Docker};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    if let Some(name) = std::env::args().nth(1) {
        return follow(&docker, &name).await;
    }
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let script = "for n in 1 2 3; do echo line $n; sleep 1; done; echo bye >&2";
    let counter = CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", script].into(),
        ..Default::default()
    };
    let id = docker.containers().create(counter).await?.id;
    let followed = match docker.containers().start(&id, StartContainer::default()).await {
        Ok(_) => follow(&docker, &id).await,
        Err(error) => Err(error),
    };
    let remove = RemoveContainer {
        force: true,
        ..Default::default()
    };
    docker.containers().remove(&id, remove).await?;
    followed
}

async fn follow(docker: &Docker, container: &str) -> engine_api::Result<()> {
    let options = ReadLogs {
        follow: true,
        timestamps: true,
        tail: Some(10),
        ..Default::default()
    };
    let mut output = docker.containers().logs(container, options).await?;
    while let Some(chunk) = output.next().await {
        match chunk? {
            Chunk::Stderr(bytes) => eprint!("{}", String::from_utf8_lossy(&bytes)),
            other => print!("{}", String::from_utf8_lossy(other.bytes())),
        }
    }
    Ok(())
}
