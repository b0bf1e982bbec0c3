//! Finds the engine and prints its version.
//!
//! ```console
//! $ cargo run -p engine-api --example ping_version
//! $ DOCKER_HOST=tcp://build-host:2375 cargo run -p engine-api --example ping_version
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?; // DOCKER_HOST, the docker command's context, the usual sockets
    println!("the engine is at {}", docker.address());

    let ping = docker.system().ping().await?;
    println!("it is {}", if ping.is_podman() { "Podman" } else { "Docker" });

    let about = docker.system().version().await?;
    println!("version {} for {}/{}", about.version, about.os, about.arch);
    println!("both sides speak API {}", docker.version().await?);
    Ok(())
}
