//! The figures of snapshots and forks on a Docker daemon and on this machine, in one run, each
//! beside what it replaces.
//!
//! ```sh
//! cargo run --release -p tests --example state_figures -- ADDRESS [IMAGE [DIRECTORY]]
//! ```
//!
//! The address is that of a daemon, such as `unix:///var/run/docker.sock`. The directory is on a
//! file system with reflinks, such as xfs on a loop device; the fork of a virtual environment is
//! measured there, too.
//!
//! It removes everything that it creates. The load of the machine decides about the times; each
//! figure and its comparison are measured in turns.

#![allow(clippy::print_stdout)] // it prints figures

#[cfg(unix)]
mod unix {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use engine_api::Docker;
    use engine_api::containers::{ContainerFilters, ListContainers};
    use engine_api::images::{CommitImage, RemoveImage};
    use isolation::engines::basic::BasicEngine;
    use isolation::engines::docker::{DockerEngine, labels};
    use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
    use isolation::snapshots::{SnapshotOptions, SnapshotStore};
    use isolation::{
        Command, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ForkOptions, Manager, Registry,
    };

    pub(super) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

    /// How often each figure is measured.
    const TIMES: usize = 5;

    /// How often the fork of a virtual environment is measured, beside each copy.
    const ROUNDS: usize = 11;

    /// The number of forks and cold starts in a wave.
    const WAVE: usize = 8;

    const MIB: f64 = 1_048_576.0;

    /// A daemon, and a manager with it and the engines of this machine.
    pub(super) struct Figures {
        docker: Docker,
        image: String,
        manager: Arc<Manager>,
        base: tempfile::TempDir,
    }

    fn median(mut times: Vec<Duration>) -> f64 {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1000.0
    }

    fn print(what: &str, ours: f64, other: &str, theirs: f64, limit: f64) {
        let ratio = ours / theirs;
        let verdict = if ratio <= limit { "" } else { "  <-- over" };
        println!("{what}: {ours:.0} ms; {other}: {theirs:.0} ms; ratio {ratio:.2} (limit {limit}){verdict}");
    }

    async fn sh(environment: &Environment, script: &str) -> Outcome<()> {
        let output = environment.run(Command::shell(script)).await?;
        match output.exit.success() {
            true => Ok(()),
            false => Err(format!("{script}: {}", output.stderr_text()).into()),
        }
    }

    impl Figures {
        pub(super) fn new(address: &str, image: String, below: &Path) -> Outcome<Self> {
            let docker = Docker::with_address(&address.parse()?)?;
            let base = tempfile::tempdir_in(below)?;
            let prefix = format!("figures_{}_", EnvironmentId::random().short());
            let mut registry = Registry::new();
            registry.register(DockerEngine::new(docker.clone()).with_prefix(&prefix)?)?;
            registry.register(BasicEngine::below(base.path()))?;
            registry.register(VirtualenvEngine::below(base.path()).with_cache(base.path().join("cache")))?;
            Ok(Self {
                docker,
                image,
                manager: Arc::new(Manager::new(registry)),
                base,
            })
        }

        pub(super) async fn all(&self) -> Outcome<()> {
            let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
            println!("load {}", load.split(' ').next().unwrap_or_default());
            self.fork_point().await?;
            self.waves().await?;
            self.increment().await?;
            self.virtual_environment(&[("cp -a", 1.2)]).await?;
            let text = self.manager.shutdown().await;
            Ok(text?)
        }

        /// Only the fork that reflinks make faster, beside a copy of the contents and one of `cp`
        /// that shares them.
        pub(super) async fn with_reflinks(&self) -> Outcome<()> {
            let copies = [("cp -a --reflink=never", 0.3), ("cp -a --reflink=always", 1.0)];
            self.virtual_environment(&copies).await?;
            Ok(self.manager.shutdown().await?)
        }

        async fn create(&self) -> Outcome<Environment> {
            let spec = EnvironmentSpec {
                image: Some(self.image.clone()),
                ..EnvironmentSpec::default()
            };
            Ok(self
                .manager
                .create(&EngineChoice::Named("docker".into()), spec)
                .await?)
        }

        async fn container(&self, environment: &Environment) -> Outcome<String> {
            let filters = ContainerFilters {
                label: [format!("{}={}", labels::ENVIRONMENT, environment.id())].into(),
                ..ContainerFilters::default()
            };
            let options = ListContainers {
                all: true,
                filters,
                ..ListContainers::default()
            };
            let listed = self.docker.containers().list(options).await?;
            let first = listed.into_iter().next().ok_or("the container is missing")?;
            Ok(first.id)
        }

        /// As `docker commit`, which pauses the container meanwhile.
        async fn commit(&self, container: &str) -> Outcome<String> {
            let repo = format!("figures:{}", EnvironmentId::random().short());
            let options = CommitImage {
                repo: repo.clone(),
                ..CommitImage::default()
            };
            self.docker.images().commit(container, options).await?;
            Ok(repo)
        }

        async fn remove_image(&self, image: &str) -> Outcome<()> {
            let options = RemoveImage::default();
            self.docker.images().remove(image, options).await?;
            Ok(())
        }

        /// A fork is a fork point and a cold start; a commit and a cold start do the same.
        async fn fork_point(&self) -> Outcome<()> {
            let environment = self.create().await?;
            sh(&environment, "head -c 10485760 /dev/urandom >/ten").await?;
            let container = self.container(&environment).await?;
            let (mut commits, mut forks, mut creations) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..TIMES {
                let began = Instant::now();
                let image = self.commit(&container).await?;
                commits.push(began.elapsed());
                self.remove_image(&image).await?;
                let began = Instant::now();
                let created = self.create().await?;
                creations.push(began.elapsed());
                created.destroy().await?;
                let began = Instant::now();
                let forked = self.manager.fork(&environment, 1, ForkOptions::default()).await?;
                forks.push(began.elapsed());
                forked[0].destroy().await?;
            }
            let (commit, creation, fork) = (median(commits), median(creations), median(forks));
            print(
                "fork of 10 MiB without its cold start",
                fork - creation,
                "docker commit",
                commit,
                1.2,
            );
            let theirs = commit + creation;
            print("fork of 10 MiB", fork, "commit and cold start", theirs, 1.2);
            Ok(environment.destroy().await?)
        }

        async fn waves(&self) -> Outcome<()> {
            let environment = self.create().await?;
            sh(&environment, "head -c 10485760 /dev/urandom >/ten").await?;
            let (mut cold, mut forked) = (Vec::new(), Vec::new());
            for _ in 0..TIMES {
                let began = Instant::now();
                let mut creations = tokio::task::JoinSet::new();
                for _ in 0..WAVE {
                    let manager = Arc::clone(&self.manager);
                    let spec = environment.spec().clone();
                    creations.spawn(async move {
                        let spec = EnvironmentSpec { name: None, ..spec };
                        manager.create(&EngineChoice::Named("docker".into()), spec).await
                    });
                }
                let mut made = Vec::new();
                while let Some(created) = creations.join_next().await {
                    made.push(created??);
                }
                cold.push(began.elapsed());
                for one in made {
                    one.destroy().await?;
                }
                let began = Instant::now();
                let forks = self
                    .manager
                    .fork(&environment, WAVE, ForkOptions::default())
                    .await?;
                forked.push(began.elapsed());
                for one in forks {
                    one.destroy().await?;
                }
            }
            print("8 forks", median(forked), "8 cold starts", median(cold), 1.2);
            let prepared = self
                .manager
                .prepare_forks(&environment, WAVE, ForkOptions::default())
                .await?;
            let mut taken = Vec::new();
            for _ in 0..WAVE {
                let began = Instant::now();
                let fork = prepared.take().await?;
                sh(&fork, "test -f /ten").await?;
                taken.push(began.elapsed());
                // Others are made in the background, as while a test runs.
                tokio::time::sleep(Duration::from_millis(700)).await;
                fork.destroy().await?;
            }
            let slowest = taken.iter().max().copied().unwrap_or_default();
            println!("slowest prepared fork: {:.0} ms", slowest.as_secs_f64() * 1000.0);
            print(
                "prepared fork with its first command",
                median(taken),
                "limit",
                60.0,
                1.0,
            );
            drop(prepared);
            Ok(environment.destroy().await?)
        }

        /// One of 500 files of 1 MB changes.
        async fn increment(&self) -> Outcome<()> {
            for engine in ["docker", "basic"] {
                let spec = EnvironmentSpec {
                    image: (engine == "docker").then(|| self.image.clone()),
                    ..EnvironmentSpec::default()
                };
                let choice = EngineChoice::Named(engine.to_owned());
                let environment = self.manager.create(&choice, spec).await?;
                let script = "mkdir d; i=0; while [ $i -lt 500 ]; do head -c 1000000 /dev/urandom >d/$i; \
                              i=$((i + 1)); done; sleep 2";
                sh(&environment, script).await?;
                let directory = tempfile::tempdir_in(self.base.path())?;
                let store = SnapshotStore::open(Some(&directory.path().join("store")))?;
                let began = Instant::now();
                environment.snapshot(&store, SnapshotOptions::default()).await?;
                let full = began.elapsed();
                sh(&environment, "head -c 1000000 /dev/urandom >d/250").await?;
                let began = Instant::now();
                let saved = environment.snapshot(&store, SnapshotOptions::default()).await?;
                let increment = began.elapsed();
                let added = saved.added as f64 / MIB;
                let verdict = if added <= 1.2 { "" } else { "  <-- over" };
                println!(
                    "{engine}: snapshot of 500 MB: {:.0} ms; with 1 MB changed: {added:.2} MiB stored (limit \
                     1.2){verdict}",
                    full.as_secs_f64() * 1000.0
                );
                let what = format!("{engine}: snapshot with 1 MB changed");
                let ours = median(vec![increment]);
                if engine == "docker" {
                    let file = directory.path().join("saved.tar");
                    let (reading, theirs) = self.beside(&environment, &file).await?;
                    print(&what, ours, "reading, and 300 ms", reading + 300.0, 1.0);
                    print(&what, ours, "docker commit and docker save", theirs, 1.0);
                } else {
                    print(&what, ours, "limit", 300.0, 1.0);
                }
                environment.destroy().await?;
            }
            Ok(())
        }

        /// The time of reading the container, and of `docker commit` and `docker save`.
        async fn beside(&self, environment: &Environment, file: &Path) -> Outcome<(f64, f64)> {
            let container = self.container(environment).await?;
            let began = Instant::now();
            let mut archive = self.docker.containers().download(&container, "/d").await?;
            while let Some(piece) = archive.next().await {
                piece?;
            }
            let reading = began.elapsed();
            let began = Instant::now();
            let image = self.commit(&container).await?;
            let mut archive = self.docker.images().save(&image, Default::default()).await?;
            let mut out = tokio::fs::File::create(file).await?;
            while let Some(piece) = archive.next().await {
                tokio::io::AsyncWriteExt::write_all(&mut out, &piece?).await?;
            }
            let theirs = began.elapsed();
            self.remove_image(&image).await?;
            Ok((median(vec![reading]), median(vec![theirs])))
        }

        /// 60 MB, divided as those of numpy and flask: 1200 modules, and a few compiled libraries.
        async fn virtual_environment(&self, commands: &[(&str, f64)]) -> Outcome<()> {
            let mut spec = EnvironmentSpec::default();
            VirtualenvOptions {
                without_pip: true,
                ..VirtualenvOptions::default()
            }
            .add_to(&mut spec);
            let choice = EngineChoice::Named("virtualenv".into());
            let environment = self.manager.create(&choice, spec).await?;
            let script = "import os, sysconfig
site = sysconfig.get_path('purelib')
for package in range(60):
    os.makedirs(f'{site}/p{package}')
    for module in range(20):
        open(f'{site}/p{package}/m{module}.py', 'wb').write(b'#' + os.urandom(6500).hex().encode() + b'\\n')
for number, megabytes in enumerate([25, 10, 3, 2, 1, 1, 1, 1]):
    open(f'{site}/p{number}/library.so', 'wb').write(os.urandom(megabytes * 1000000))
";
            let made = environment.run(Command::new(["python", "-c", script])).await?;
            assert!(made.exit.success(), "{}", made.stderr_text());
            let details = environment.inspect().await?.details;
            let root = PathBuf::from(&details["directory"]).join("root");
            let mut copies = vec![Vec::new(); commands.len()];
            let mut forks = Vec::new();
            for number in 0..ROUNDS {
                for ((command, _), times) in commands.iter().zip(&mut copies) {
                    let target = self.base.path().join(format!("copy{number}"));
                    let mut words = command.split(' ');
                    let began = Instant::now();
                    let copied = tokio::process::Command::new(words.next().unwrap_or_default())
                        .args(words)
                        .arg(&root)
                        .arg(&target)
                        .status();
                    assert!(copied.await?.success());
                    times.push(began.elapsed());
                    std::fs::remove_dir_all(&target)?;
                }
                let began = Instant::now();
                let forked = self.manager.fork(&environment, 1, ForkOptions::default()).await?;
                forks.push(began.elapsed());
                forked[0].destroy().await?;
            }
            let fork = median(forks);
            for ((command, limit), times) in commands.iter().zip(copies) {
                print(
                    "fork of a virtualenv of 60 MB",
                    fork,
                    command,
                    median(times),
                    *limit,
                );
            }
            Ok(environment.destroy().await?)
        }
    }
}

#[cfg(unix)]
#[tokio::main]
async fn main() -> unix::Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name the address of a Docker daemon")?;
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    unix::Figures::new(&address, image.clone(), &std::env::temp_dir())?
        .all()
        .await?;
    match arguments.next() {
        Some(directory) => {
            unix::Figures::new(&address, image, directory.as_ref())?
                .with_reflinks()
                .await
        }
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn main() {}
