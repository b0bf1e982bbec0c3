//! Sends a call by method and path and prints the status, the headers and the body.
//!
//! ```console
//! $ cargo run -p engine-api --example raw_call
//! $ cargo run -p engine-api --example raw_call -- GET '/images/json?all=true'
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    let mut arguments = std::env::args().skip(1);
    let method = arguments.next().unwrap_or_else(|| "GET".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/info".to_owned());

    let mut reply = docker.raw(&method, &path).send().await?; // the version is put before the path
    println!("status {}", reply.status); // an error status is a reply, too
    for (name, value) in &reply.headers {
        println!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    while let Some(piece) = reply.body.next().await {
        print!("{}", String::from_utf8_lossy(&piece?));
    }
    println!();
    Ok(())
}
