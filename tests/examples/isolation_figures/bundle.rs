//! The bundle of a failed command: how long it takes, and its size.

use std::path::Path;
use std::time::Instant;

use isolation::{Command, EngineChoice};

use super::{Daemon, Figures, Outcome, median, ms};

const ROUNDS: usize = 5;

/// The longest time of a bundle, in milliseconds, and its maximum size, in MB.
const LIMITS: (f64, f64) = (500.0, 1.0);

pub(crate) async fn measure(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let manager = daemon.manager()?;
    let environment = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
    // More output than a bundle keeps.
    let loud = "i=0; while [ $i -lt 20000 ]; do echo line $i of a long output; i=$((i+1)); done; exit 3";
    environment.run(Command::shell(loud)).await?;
    let base = std::env::temp_dir().join(format!("{}bundles", daemon.prefix));
    let (mut times, mut largest) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let directory = base.join(round.to_string());
        let began = Instant::now();
        environment.bundle(&directory).await?;
        times.push(began.elapsed());
        largest = largest.max(size(&directory)?);
    }
    std::fs::remove_dir_all(&base)?;
    environment.destroy().await?;
    manager.shutdown().await?;
    figures.at_most("bundle, p50", ms(median(times)), LIMITS.0, "ms");
    figures.at_most("bundle, size", largest as f64 / 1e6, LIMITS.1, "MB");
    Ok(())
}

fn size(directory: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        sum += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(sum)
}
