//! Asks an error for its kind, operation and subject, and limits the time of a call.
//!
//! ```console
//! $ cargo run -p engine-api --example errors_and_timeouts
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use std::time::Duration;

use engine_api::containers::{CreateContainer, InspectContainer};
use engine_api::error::Phase;
use engine_api::{Docker, ErrorKind, Timeouts};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;

    // The engine says no.
    match docker
        .containers()
        .inspect("no-such-container", InspectContainer::default())
        .await
    {
        Err(error) if error.is_not_found() => println!("not found, in {:?}: {error}", error.operation()),
        Err(error) => return Err(error),
        Ok(container) => println!("there is one: {}", container.id),
    }

    // A name that would lead elsewhere is refused before anything is sent.
    if let Err(error) = docker
        .containers()
        .inspect("..", InspectContainer::default())
        .await
    {
        println!("{:?}: {error}", error.kind());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    // A limit on all of a call; the same connections serve the client without one.
    let limits = Timeouts {
        total: Some(Duration::from_millis(500)),
        ..Timeouts::default()
    };
    let hasty = docker.clone().with_timeouts(limits);
    let sleeper = CreateContainer {
        image: "busybox".into(),
        cmd: ["sleep", "30"].into(),
        ..Default::default()
    };
    match hasty.containers().run(sleeper).await {
        Err(error) if error.is_timeout() => {
            println!("out of time ({:?}): {error}", error.phase());
            assert_ne!(error.phase(), Some(Phase::Connect));
        }
        Err(error) => return Err(error),
        Ok(finished) => println!("it ended with {}", finished.exit_code),
    }
    tokio::time::sleep(Duration::from_secs(1)).await; // `run` removes the container in the background
    Ok(())
}
