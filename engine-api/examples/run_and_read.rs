//! Runs one container to its end: input in, output out, exit code, nothing left behind.
//!
//! ```console
//! $ cargo run -p engine-api --example run_and_read
//! ```
#![allow(clippy::print_stdout)] // an example prints what it has found

use engine_api::Docker;
use engine_api::containers::CreateContainer;

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;

    let script = "sort; echo done >&2; exit 3";
    let container = CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", script].map(String::from).into(),
        ..Default::default()
    };
    let finished = docker.containers().run(container, "pear\napple\n").await?;

    print!("{}", String::from_utf8_lossy(&finished.stdout));
    println!("stderr: {:?}", String::from_utf8_lossy(&finished.stderr));
    println!("exit code: {}", finished.exit_code);
    Ok(())
}
