//! What has to hold, as ratios in one run.

use crate::Result;
use crate::contenders::FROM_SLICE;
use crate::run::Median;
use crate::work::Work;

/// CPU of engine-api for a work, at most this share of another contender's.
const CPU: [(Work, &str, f64); 4] = [
    (Work::Ping, "bollard", 0.35),
    (Work::Ping, "raw", 2.5),
    (Work::List, FROM_SLICE, 1.15),
    (Work::List, "bollard", 0.7),
];

/// Peak memory of engine-api for streams of any length, in KiB.
const MEMORY: [(Work, f64); 2] = [(Work::Logs, 32.0 * 1024.0), (Work::Exec, 32.0 * 1024.0)];

/// Prints each target and whether it holds; an error if one does not, or was not measured.
pub fn check(medians: &[Median]) -> Result<()> {
    let of = |work: Work, name: &str| {
        let mut found = medians
            .iter()
            .filter(|median| (median.work, median.contender) == (work, name));
        found
            .next()
            .ok_or_else(|| format!("{} was not measured", work.name()))
    };
    let mut missed = 0;
    let mut judge = |what: String, measured: f64, most: f64| {
        let holds = measured <= most;
        missed += usize::from(!holds);
        println!(
            "{} {what}: {measured:.2}, at most {most}",
            if holds { "holds " } else { "MISSED" }
        );
    };
    println!();
    for (work, other, most) in CPU {
        let ratio = of(work, "engine-api")?.cpu / of(work, other)?.cpu;
        judge(format!("{}, CPU of {other}'s", work.name()), ratio, most);
    }
    for (work, most) in MEMORY {
        judge(
            format!("{}, peak KiB", work.name()),
            of(work, "engine-api")?.rss,
            most,
        );
    }
    match missed {
        0 => Ok(()),
        missed => Err(format!("{missed} targets are missed").into()),
    }
}
