//! The first program: run, publish a port, exec, read logs, remove.
//!
//! ```console
//! $ cargo run -p engine-api --example first_program
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::CreateContainer;

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    let hello = CreateContainer {
        image: "busybox".into(), // pulled if it is missing
        cmd: ["echo", "hello"].into(),
        ..Default::default()
    };
    print!("{}", docker.containers().run(hello).await?.text());

    let web = CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", "echo serving; httpd -f -h /etc"].into(),
        env: [("MODE", "test")].into(),
        labels: [("app", "first-program")].into(),
        ..Default::default()
    }
    .publish(80, 0); // 0: the engine chooses a free port
    let web = docker.containers().create_temporary(web).await?;
    docker.containers().start(web.id(), Default::default()).await?;
    let container = docker.containers().inspect(web.id(), Default::default()).await?;
    if let Some(endpoint) = container.endpoint(80) {
        println!("open http://{endpoint}/hostname");
    }
    let command = ["sh", "-c", "echo $MODE"].into();
    let mode = docker.execs().run(web.id(), command).await?;
    println!("exit code {}: {}", mode.exit_code, mode.text());

    let mut logs = docker.containers().logs(web.id(), Default::default()).await?;
    while let Some(chunk) = logs.next().await {
        print!("{}", chunk?.text());
    }
    web.remove().await // also when it is dropped earlier
}
