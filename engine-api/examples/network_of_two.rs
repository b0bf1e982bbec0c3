//! Connects two containers through a network: one serves, the other finds it by its name.
//!
//! ```console
//! $ cargo run -p engine-api --example network_of_two
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{CreateContainer, HostConfig, RemoveContainer, StartContainer};
use engine_api::networks::CreateNetwork;

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let unique = std::process::id();
    let (network, server) = (format!("example-net-{unique}"), format!("example-web-{unique}"));

    // Internal: the containers need no connection to other hosts.
    let internal = CreateNetwork {
        name: network.clone(),
        internal: true,
        ..Default::default()
    };
    docker.networks().create(internal).await?;
    let fetched = fetch(&docker, &network, &server).await;

    let remove = RemoveContainer {
        force: true,
        ..Default::default()
    };
    match docker.containers().remove(&server, remove).await {
        Err(error) if !error.is_not_found() => return Err(error),
        _ => docker.networks().remove(&network).await?,
    }
    fetched
}

async fn fetch(docker: &Docker, network: &str, server: &str) -> engine_api::Result<()> {
    let script = "echo hello from $HOSTNAME > index.html; exec httpd -f -p 8080";
    let web = CreateContainer {
        name: Some(server.to_owned()),
        ..in_network(network, script)
    };
    docker.containers().create(web).await?;
    docker
        .containers()
        .start(server, StartContainer::default())
        .await?;

    // The server may need a moment, so ask again until it is there.
    let script =
        format!("for n in 1 2 3 4 5; do wget -q -O- http://{server}:8080/ && exit; sleep 1; done; exit 1");
    let finished = docker.containers().run(in_network(network, &script)).await?;
    println!(
        "exit code {}: {}",
        finished.exit_code,
        String::from_utf8_lossy(&finished.stdout).trim()
    );
    Ok(())
}

fn in_network(network: &str, script: &str) -> CreateContainer {
    CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", script].into(),
        working_dir: "/tmp".into(),
        host_config: HostConfig {
            network_mode: network.to_owned(),
            ..Default::default()
        },
        ..Default::default()
    }
}
