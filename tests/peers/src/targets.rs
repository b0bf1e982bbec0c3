//! The targets, as ratios within one run.

use crate::Result;
use crate::contenders::{FROM_SLICE, HYPER_CONN, PEERS};
use crate::run::Median;
use crate::work::Work;

/// The CPU time of engine-api for a work, as the maximal share of another contender's.
const CPU: [(Work, &str, f64); 6] = [
    (Work::Ping, "bollard", 0.35),
    (Work::Ping, "raw", 2.5),
    (Work::Ping, HYPER_CONN, 1.25),
    (Work::Events, "bollard", 0.7),
    (Work::List, FROM_SLICE, 1.15),
    (Work::List, "bollard", 0.7),
];

/// The CPU time of engine-api for a stream: at most this share of bollard's …
const STREAM_CPU: f64 = 0.5;

/// … or at most this share of the raw socket's, because no client can avoid the copies in the
/// kernel.
const STREAM_FLOOR: f64 = 1.25;

/// The wall time of a stream: at most this share of the fastest peer's. A tenth is noise.
const STREAM_WALL: f64 = 1.1;

/// Peak memory of engine-api for streams of any length, in MiB.
const MEMORY: f64 = 32.0;

/// Prints each target and whether it is met. Returns an error if one is missed or was not measured.
/// Targets of works that were not requested are left out.
pub fn check(medians: &[Median], works: &[Work]) -> Result<()> {
    let mut targets = Targets { medians, missed: 0 };
    println!();
    for (work, other, most) in CPU.into_iter().filter(|(work, ..)| works.contains(work)) {
        let ratio = targets.of(work, "engine-api")?.cpu / targets.of(work, other)?.cpu;
        let holds = ratio <= most;
        targets.report(
            holds,
            work,
            format!("CPU of {other}'s {ratio:.2}, at most {most}"),
        );
    }
    for work in Work::STREAMS.into_iter().filter(|work| works.contains(work)) {
        targets.stream(work)?;
    }
    match targets.missed {
        0 => Ok(()),
        missed => Err(format!("{missed} targets are missed").into()),
    }
}

struct Targets<'a> {
    medians: &'a [Median],
    missed: usize,
}

impl Targets<'_> {
    fn stream(&mut self, work: Work) -> Result<()> {
        let ours = self.of(work, "engine-api")?;
        let of_bollard = ours.cpu / self.of(work, "bollard")?.cpu;
        let of_raw = ours.cpu / self.of(work, "raw")?.cpu;
        let mut fastest = ("", f64::INFINITY);
        for peer in PEERS {
            let wall = self.of(work, peer)?.wall;
            fastest = if wall < fastest.1 { (peer, wall) } else { fastest };
        }
        let (wall, memory) = (ours.wall / fastest.1, ours.rss / 1024.0);
        self.report(
            of_bollard <= STREAM_CPU || of_raw <= STREAM_FLOOR,
            work,
            format!("CPU of bollard's {of_bollard:.2}, at most {STREAM_CPU}, or of raw's {of_raw:.2}, at most {STREAM_FLOOR}"),
        );
        let peer = fastest.0;
        self.report(
            wall <= STREAM_WALL,
            work,
            format!("wall of {peer}'s {wall:.2}, at most {STREAM_WALL}"),
        );
        self.report(
            memory <= MEMORY,
            work,
            format!("peak memory {memory:.1} MiB, at most {MEMORY}"),
        );
        Ok(())
    }

    fn of(&self, work: Work, name: &str) -> Result<&Median> {
        let mut found = self.medians.iter();
        let found = found.find(|median| (median.work, median.contender) == (work, name));
        found.ok_or_else(|| format!("{name}, {}: not measured", work.name()).into())
    }

    fn report(&mut self, holds: bool, work: Work, what: String) {
        self.missed += usize::from(!holds);
        println!(
            "{} {}: {what}",
            if holds { "holds " } else { "MISSED" },
            work.name()
        );
    }
}
