//! Prints CPU, memory and network traffic of running containers, as `docker stats --no-stream`
//! does.
//!
//! ```console
//! $ cargo run -p engine-api --example stats_table
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{ListContainers, ReadStats};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    println!(
        "{:24} {:>7} {:>10} {:>7} {:>12} {:>12}",
        "NAME", "CPU %", "MEMORY", "MEM %", "RECEIVED", "SENT"
    );
    for container in docker.containers().list(ListContainers::default()).await? {
        // Two samples, a second apart: processor time means nothing without one before.
        let options = ReadStats {
            stream: false,
            ..Default::default()
        };
        let mut samples = docker.containers().stats(&container.id, options).await?;
        let Some(sample) = samples.next().await else {
            continue; // it has ended meanwhile
        };
        let stats = sample?;
        let (received, sent) = stats.network_io();
        println!(
            "{:24} {:>7.2} {:>10} {:>7.2} {received:>12} {sent:>12}",
            container.plain_name(),
            stats.cpu_percent(),
            stats.memory_usage(),
            stats.memory_percent(),
        );
    }
    Ok(())
}
