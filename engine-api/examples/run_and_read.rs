//! Runs a container with input, reads its output and exit code, and removes it.
//!
//! ```console
//! $ cargo run -p engine-api --example run_and_read
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RunContainer};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    let script = "sort; echo done >&2; exit 3";
    let container = CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", script].into(),
        ..Default::default()
    };
    let options = RunContainer {
        input: "pear\napple\n".into(),
        ..Default::default()
    };
    let output = docker.containers().run_with(container, options).await?;

    print!("{}", output.text());
    println!("stderr: {:?}", output.stderr_text());
    println!("exit code: {}", output.exit_code);
    Ok(())
}
