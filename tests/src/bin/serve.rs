//! An external engine for tests: it offers the engine docker of one daemon.
//!
//! ```text
//! serve ADDRESS PREFIX        PREFIX begins the names of its containers
//! ```

use engine_api::Docker;
use isolation::engines::docker::DockerEngine;
use isolation::{Registry, ServeOptions, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().ok_or(what);
    let docker = Docker::with_address(&next("name the address of a daemon")?.parse()?)?;
    let engine = DockerEngine::new(docker).with_prefix(&next("name a prefix")?)?;
    let mut registry = Registry::new();
    registry.register(engine)?;
    let options = ServeOptions::default();
    serve(registry, options, tokio::io::stdin(), tokio::io::stdout()).await?;
    Ok(())
}
