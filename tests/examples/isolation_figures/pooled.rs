//! The first command in an environment of the pool.

use std::time::{Duration, Instant};

use isolation::{Command, EngineChoice};

use super::{Daemon, Figures, Outcome, median, ms};

const ROUNDS: usize = 15;

pub(crate) async fn measure(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let manager = daemon.manager_of(daemon.engine()?, 3)?;
    let (mut taken, mut first) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        manager.prepare(&EngineChoice::Auto, daemon.spec()).await?;
        let began = Instant::now();
        let environment = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
        taken.push(began.elapsed());
        let began = Instant::now();
        let output = environment.run(Command::new(["true"])).await?;
        first.push(began.elapsed());
        if !output.exit.success() {
            return Err(output.exit.to_string().into());
        }
        environment.destroy().await?;
        // The refill is not what is measured.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stats = manager.pool_stats();
    if stats.hits != ROUNDS as u64 {
        return Err(format!("not every environment came from the pool: {stats:?}").into());
    }
    figures.print("environment of the pool, p50", ms(median(taken)), "ms");
    figures.at_most("its first command, p50", ms(median(first)), 5.0, "ms");
    manager.shutdown().await?;
    Ok(())
}
