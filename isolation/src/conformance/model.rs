//! A random walk through the lifecycle of environments, compared with a simple model.
//!
//! Each step is one call: create, start, a command, a copy, stop, restart, kill, open from a second
//! manager (like a second process), destroy. After each step the engine must agree with the model.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::subject::{HostDirectory, Outcome, Subject, Why, equal, refused, sh};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::engine::Engine;
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::files::CopySource;
use crate::manager::Manager;
use crate::spec::EnvironmentSpec;
use crate::{ErrorKind, Status};

/// The maximum number of environments at the same time.
const MOST: usize = 3;

/// Timeout of a step.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A step after which the engine and the model differ.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WrongStep {
    /// The seed of the walk, to repeat it.
    pub seed: u64,
    /// The steps so far; the last one failed.
    pub steps: Vec<String>,
    /// The observed behaviour.
    pub why: String,
}

impl fmt::Display for WrongStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, step {}: {}", self.seed, self.steps.len(), self.why)?;
        let from = self.steps.len().saturating_sub(20);
        for (number, step) in self.steps.iter().enumerate().skip(from) {
            writeln!(f, "  {}: {step}", number + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for WrongStep {}

/// Walks `steps` random steps; the same seed results in the same steps. All environments are
/// removed at the end.
pub async fn walk(
    engine: Arc<dyn Engine>,
    make_spec: &(dyn Fn() -> EnvironmentSpec + Sync),
    seed: u64,
    steps: usize,
) -> Result<(), WrongStep> {
    let mut taken = Vec::new();
    let wrong = |steps: Vec<String>, why: Why| WrongStep {
        seed,
        steps,
        why: why.0,
    };
    let mut walker = match Walker::new(engine, make_spec, seed).await {
        Ok(walker) => walker,
        Err(why) => return Err(wrong(taken, why)),
    };
    for _ in 0..steps {
        let step = tokio::time::timeout(TIMEOUT, walker.step(&mut taken)).await;
        let step = step.unwrap_or_else(|_| Err(Why(format!("it did not end within {TIMEOUT:?}"))));
        if let Err(why) = step {
            return Err(wrong(taken, why));
        }
    }
    match walker.finish().await {
        Ok(()) => Ok(()),
        Err(why) => Err(wrong(taken, why)),
    }
}

/// One environment of the model.
struct Known {
    /// The guard, which destroys the environment when it is dropped.
    created: Environment,
    /// The handle in use: of either manager.
    used: Environment,
    status: Status,
    files: BTreeMap<String, String>,
}

struct Walker<'a> {
    subject: Subject<'a>,
    other: Manager,
    random: Random,
    session: String,
    known: Vec<Known>,
    directory: HostDirectory,
}

impl<'a> Walker<'a> {
    async fn new(
        engine: Arc<dyn Engine>,
        make_spec: &'a (dyn Fn() -> EnvironmentSpec + Sync),
        seed: u64,
    ) -> Result<Self, Why> {
        let subject = Subject::new(engine, make_spec).await?;
        Ok(Self {
            other: subject.other_manager()?,
            subject,
            random: Random(seed | 1),
            session: format!("model-{}", EnvironmentId::random()),
            known: Vec::new(),
            directory: HostDirectory::new()?,
        })
    }

    /// Runs and records one step, and compares the engine with the model.
    async fn step(&mut self, taken: &mut Vec<String>) -> Outcome {
        if self.known.is_empty() || (self.known.len() < MOST && self.random.below(6) == 0) {
            taken.push("create".to_owned());
            self.create().await?;
        } else {
            let at = self.random.below(self.known.len());
            let action = self.random.below(10);
            taken.push(format!("{} of {at}, {}", ACTIONS[action], self.known[at].status));
            self.act(at, action).await?;
        }
        self.compare().await
    }

    async fn create(&mut self) -> Outcome {
        let mut spec = (self.subject.make_spec)();
        spec.session = Some(self.session.clone());
        let created = self.subject.create(spec).await?;
        self.known.push(Known {
            used: created.clone(),
            created,
            status: Status::Created,
            files: BTreeMap::new(),
        });
        Ok(())
    }

    async fn act(&mut self, at: usize, action: usize) -> Outcome {
        let (name, content) = (
            format!("file{}", self.random.below(4)),
            format!("content {}", self.random.below(1000)),
        );
        let known = &mut self.known[at];
        match ACTIONS[action] {
            "start" => {
                known.used.start().await?;
                known.status = Status::Running;
            }
            "write" => known.write(name, content).await?,
            "read" => known.read(&name).await?,
            "copy in" => {
                let source = CopySource::bytes(content.clone());
                known.used.copy_in(source, &name).await?;
                known.files.insert(name, content);
            }
            "copy out" => known.copy_out(&name, &self.directory).await?,
            "stop" => {
                known.used.stop(Duration::from_secs(1)).await?;
                known.has_stopped();
            }
            "restart" => {
                known.used.restart(Duration::from_secs(1)).await?;
                known.status = Status::Running;
            }
            "kill" => known.kill().await?,
            "open" => {
                known.used = self.other.open(known.created.id().as_str()).await?;
            }
            _ => {
                let known = self.known.swap_remove(at);
                known.used.destroy().await?;
                known.created.destroy().await?;
            }
        }
        Ok(())
    }

    /// The engine lists exactly the environments of the model, each with its status.
    async fn compare(&self) -> Outcome {
        let listed = self.subject.engine.list().await?;
        let ours = listed
            .iter()
            .filter(|one| one.session.as_deref() == Some(self.session.as_str()));
        let found: BTreeMap<_, _> = ours.map(|one| (one.id.clone(), one.status)).collect();
        let expected: BTreeMap<_, _> = self
            .known
            .iter()
            .map(|known| (known.created.id().clone(), known.status))
            .collect();
        equal("the listed environments", found, expected)?;
        for known in &self.known {
            for handle in [&known.created, &known.used] {
                equal("inspected", handle.inspect().await?.status, known.status)?;
                equal("the status", handle.status(), known.status)?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Outcome {
        for known in self.known.drain(..) {
            known.created.destroy().await?;
        }
        equal(
            "environments left",
            self.subject.of_session(&self.session).await?,
            0,
        )
    }
}

/// The actions on an environment that exists.
const ACTIONS: [&str; 10] = [
    "start", "write", "read", "copy in", "copy out", "stop", "restart", "kill", "open", "destroy",
];

impl Known {
    fn has_stopped(&mut self) {
        if self.status == Status::Running {
            self.status = Status::Stopped;
        }
    }

    async fn write(&mut self, name: String, content: String) -> Outcome {
        let script = format!("printf '%s' '{content}' > {name}");
        if self.status != Status::Running {
            let early = self.used.run(Command::shell(script)).await;
            return refused("a command", early, ErrorKind::WrongStatus);
        }
        sh(&self.used, &script).await?;
        self.files.insert(name, content);
        Ok(())
    }

    async fn read(&self, name: &str) -> Outcome {
        if self.status != Status::Running {
            let early = self.used.run(Command::new(["cat", name])).await;
            return refused("a command", early, ErrorKind::WrongStatus);
        }
        let output = self.used.run(Command::new(["cat", name])).await?;
        let expected = self.files.get(name);
        equal(
            "whether the file exists",
            output.exit.success(),
            expected.is_some(),
        )?;
        equal(
            "its content",
            output.stdout_text(),
            expected.cloned().unwrap_or_default(),
        )
    }

    async fn copy_out(&self, name: &str, directory: &HostDirectory) -> Outcome {
        let target = directory.0.join("out");
        let copied = self.used.copy_out(name, &target).await;
        match self.files.get(name) {
            None => refused("a missing file", copied, ErrorKind::NotFound),
            Some(content) => {
                copied?;
                equal("the copy", std::fs::read_to_string(&target)?, content.clone())
            }
        }
    }

    async fn kill(&mut self) -> Outcome {
        let killed = self.used.kill(Signal::Kill).await;
        if self.status != Status::Running {
            return refused("a kill", killed, ErrorKind::WrongStatus);
        }
        killed?;
        self.has_stopped();
        Ok(())
    }
}

/// A random number generator (xorshift64*) with the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap_or(0) % limit
    }
}
