//! The limit on work in flight, and many environments at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use isolation::{EngineChoice, Manager};
use tokio::task::JoinSet;

use super::{Daemon, Figures, Outcome, ms};

/// How many environments are wanted at the same time.
const AT_ONCE: usize = 50;

/// By how much the adaptive limit may be slower: less is noise.
const NOISE: f64 = 1.10;

/// How long a container may take to start.
const SLOWEST: Duration = Duration::from_secs(30);

/// Creates environments at the same time; returns the time until all run, and the longest one.
async fn all(daemon: &Daemon, manager: Manager) -> Outcome<(Duration, Duration)> {
    let manager = Arc::new(manager);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (manager, spec) = (Arc::clone(&manager), daemon.spec());
        tasks.spawn(async move {
            let began = Instant::now();
            let environment = manager.create(&EngineChoice::Auto, spec).await?;
            isolation::Result::Ok((environment, began.elapsed()))
        });
    }
    let (mut slowest, mut environments) = (Duration::ZERO, Vec::new());
    while let Some(created) = tasks.join_next().await {
        let (environment, took) = created??;
        slowest = slowest.max(took);
        environments.push(environment);
    }
    let took = began.elapsed();
    let running = manager.environments().len();
    if running != AT_ONCE {
        return Err(format!("{running} of {AT_ONCE} environments exist").into());
    }
    manager.shutdown().await?;
    Ok((took, slowest))
}

pub(crate) async fn measure(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let fixed = [1, 4, 8, 16];
    let mut best = [Duration::MAX; 4];
    let (mut adaptive, mut slowest) = (Duration::MAX, Duration::ZERO);
    // One session of the process keeps what the limit has learned.
    let kept = daemon.manager()?;
    let warm = kept.create(&EngineChoice::Auto, daemon.spec()).await?;
    for _ in 0..3 {
        let (took, longest) = all(daemon, daemon.manager()?).await?;
        adaptive = adaptive.min(took);
        slowest = slowest.max(longest);
        for (limit, best) in fixed.iter().zip(&mut best) {
            let limit = NonZeroUsize::new(*limit).unwrap_or(NonZeroUsize::MIN);
            let engine = daemon.engine()?.with_work_limit(limit);
            *best = (*best).min(all(daemon, daemon.manager_of(engine, 0)?).await?.0);
        }
    }
    warm.destroy().await?;
    for (limit, best) in fixed.iter().zip(&best) {
        figures.print(
            &format!("{AT_ONCE} environments at once, limit {limit}"),
            ms(*best),
            "ms",
        );
    }
    let best = best.into_iter().min().unwrap_or_default();
    figures.at_most(
        "50 environments at once, adaptive limit",
        ms(adaptive),
        ms(best) * NOISE,
        "ms",
    );
    figures.at_most("the slowest start of all", ms(slowest), ms(SLOWEST), "ms");
    Ok(())
}
