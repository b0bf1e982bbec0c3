//! Rounds of measurements with alternating contenders, and their medians.

use std::process::{Child, Command};
use std::time::Duration;

use crate::Result;
use crate::contenders;
use crate::table;
use crate::targets;
use crate::work::Work;

/// The median cost of a contender's runs of one work.
pub struct Median {
    pub contender: &'static str,
    pub work: Work,
    /// Microseconds for the whole run.
    pub cpu: f64,
    pub wall: f64,
    /// KiB.
    pub rss: f64,
    pub allocations: f64,
}

/// `peers run [--check] [--rounds N] [WORK …]`.
pub fn run(arguments: &[&str]) -> Result<()> {
    let (check, arguments) = match arguments {
        ["--check", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (rounds, names) = match arguments {
        ["--rounds", rounds, names @ ..] => (rounds.parse()?, names),
        names => (5, names),
    };
    let works = match names {
        [] => Work::ALL.to_vec(),
        names => names
            .iter()
            .map(|name| Work::parse(name))
            .collect::<Result<_>>()?,
    };
    let engines = [Engine::start(false)?, Engine::start(true)?];
    let mut medians = Vec::new();
    for &work in &works {
        let engine = &engines[usize::from(work.one_cpu())];
        medians.extend(measure(work, rounds, &engine.socket)?);
    }
    table::print(&medians);
    if check {
        targets::check(&medians, &works)
    } else {
        Ok(())
    }
}

/// A fake engine, killed when it is dropped.
struct Engine {
    process: Child,
    socket: String,
}

impl Engine {
    /// An engine on the CPU of short calls, or on any CPU.
    fn start(one_cpu: bool) -> Result<Self> {
        let name = format!("peers-{}-{one_cpu}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name).display().to_string();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["engine", &socket]);
        if one_cpu {
            command.arg("--one-cpu");
        }
        let engine = Self {
            process: command.spawn()?,
            socket,
        };
        for _ in 0..500 {
            if std::os::unix::net::UnixStream::connect(&engine.socket).is_ok() {
                return Ok(engine);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("the fake engine does not listen".into())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Runs all contenders in turn, round after round, so that a disturbance affects all of them.
fn measure(work: Work, rounds: usize, socket: &str) -> Result<Vec<Median>> {
    let names = contenders::NAMES.into_iter();
    let names: Vec<&'static str> = names.filter(|name| contenders::does(name, work)).collect();
    let mut runs = vec![Vec::new(); names.len()];
    for round in 0..rounds {
        for turn in 0..names.len() {
            let contender = (turn + round) % names.len();
            runs[contender].push(child(names[contender], work, socket)?);
        }
        eprintln!("{}: round {} of {rounds}", work.name(), round + 1);
    }
    let medians = names.into_iter().zip(runs).map(|(contender, runs)| Median {
        contender,
        work,
        cpu: median(&runs, 0),
        wall: median(&runs, 1),
        rss: median(&runs, 2),
        allocations: median(&runs, 3),
    });
    Ok(medians.collect())
}

/// Runs one measurement in a process of its own.
fn child(contender: &str, work: Work, socket: &str) -> Result<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["work", contender, work.name(), socket])
        .output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{contender}, {}: {why}", work.name()).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .split_whitespace()
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?)
}

fn median(runs: &[Vec<f64>], column: usize) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
