//! Compares engine-api with other clients on one machine, with one fake engine.
//!
//! `peers run [--check] [--rounds N] [WORK …]` measures and prints a table; `peers engine SOCKET`
//! is the engine, `peers work CONTENDER WORK SOCKET [COUNT]` one measurement. Each measurement is a
//! process, so that its CPU and memory are its own.

mod conn;
mod contenders;
mod engine;
mod measure;
mod replies;
mod run;
mod table;
mod targets;
mod work;

use std::time::Instant;

use measure::Used;
use work::Work;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const USAGE: &str = "peers run [--check] [--rounds N] [WORK …] | peers engine SOCKET [--one-cpu] | peers work CONTENDER WORK SOCKET [COUNT]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["engine", socket] => runtime()?.block_on(engine::serve(socket)),
        ["engine", socket, "--one-cpu"] => {
            measure::pin()?;
            runtime()?.block_on(engine::serve(socket))
        }
        ["run", rest @ ..] => run::run(rest),
        ["work", contender, work, socket] => one(contender, Work::parse(work)?, socket, None),
        ["work", contender, work, socket, count] => {
            one(contender, Work::parse(work)?, socket, Some(count.parse()?))
        }
        _ => Err(USAGE.into()),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Runs one contender's work and prints the cost: CPU and wall time in microseconds, peak memory in
/// KiB, allocations, and the number of repetitions.
fn one(contender: &str, work: Work, socket: &str, count: Option<u64>) -> Result<()> {
    let count = count.unwrap_or(work.count());
    if work.one_cpu() {
        measure::pin()?;
    }
    let mut marks = Vec::new();
    let mark = || marks.push((Used::so_far(), Instant::now()));
    runtime()?.block_on(contenders::run(contender, socket, work, count, mark))?;
    let [(before, start), (after, end)] = <[_; 2]>::try_from(marks).map_err(|_marks| "not measured")?;
    let (before, after) = (before?, after?);
    println!(
        "{} {} {} {} {count}",
        after.cpu - before.cpu,
        (end - start).as_micros(),
        measure::peak_rss()?,
        after.allocations - before.allocations,
    );
    Ok(())
}
