use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use isolation::{Command, EngineChoice, EnvironmentSpec, Gc, Lifetime, Manager, Status};

use crate::support::{Fixture, as_ordinary_user, base, manager, manager_with_state, printed};

/// The processes of environments in this directory: those that see its files mounted, and the outer
/// ones.
pub(crate) fn running(base: &Path) -> Vec<String> {
    let name = base.file_name().unwrap().to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let read =
        |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\0', " ");
    let is_one = |path: &PathBuf| {
        let outer = read(path.join("cmdline"));
        read(path.join("mountinfo")).contains(name) || (outer.starts_with("bwrap ") && outer.contains(name))
    };
    let paths = pids.map(|pid| pid.path()).filter(is_one);
    paths.map(|path| read(path.join("cmdline"))).collect()
}

/// Waits until nothing runs.
pub(crate) fn until_nothing_runs(base: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while !running(base).is_empty() {
        assert!(Instant::now() < until, "left: {:?}", running(base));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that runs one test of this program, which owns environments until it is killed.
pub(crate) struct Owner<'a> {
    /// The test. It does nothing unless it is started in this way: see [`manager_of_owner`].
    pub(crate) test: &'a str,
    pub(crate) base: &'a Path,
    pub(crate) state: &'a Path,
}

impl Owner<'_> {
    fn start(&self) -> Child {
        Program::new(std::env::current_exe().unwrap())
            .args(["--exact", self.test, "--nocapture"])
            .env("SANDBOX_TEST_BASE", self.base)
            .env("SANDBOX_TEST_STATE", self.state)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn kill(&self, mut owner: Child) {
        owner.kill().unwrap();
        owner.wait().unwrap();
        until_nothing_runs(self.base);
    }

    /// Kills one that was ready, then one at each of several moments of its creations: nothing runs
    /// any more.
    pub(crate) fn is_killed(&self, moments: impl Iterator<Item = Duration>) {
        let mut ready = self.start();
        let mut output = ready.stderr.take().unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("ready") {
            let mut byte = [0];
            let text = String::from_utf8_lossy(&seen).into_owned();
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{text}");
            seen.push(byte[0]);
        }
        assert!(!running(self.base).is_empty());
        self.kill(ready);
        for moment in moments {
            let owner = self.start();
            std::thread::sleep(moment);
            self.kill(owner);
        }
    }
}

/// The manager of such a process; `None` in another one.
pub(crate) fn manager_of_owner() -> Option<Manager> {
    let place = |name: &str| std::env::var(format!("SANDBOX_TEST_{name}")).ok();
    let (base, state) = (place("BASE")?, place("STATE")?);
    Some(manager_with_state(Path::new(&base), Path::new(&state)))
}

/// Not a test: creates an environment in a directory, prints a line, and waits to be killed.
#[tokio::test]
async fn helper_owner() {
    let Some(manager) = manager_of_owner() else {
        return;
    };
    let spec = EnvironmentSpec {
        name: Some("owned".into()),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
    // The second one tries to hold the input of the first process open.
    let daemon = "setsid sh -c 'exec sleep 100000' >/dev/null 2>&1 & \
                  sh -c 'exec 5<>/proc/1/fd/0; exec sleep 100000' >/dev/null 2>&1 & \
                  sh -c 'exec 5</proc/1/fd/0; exec sleep 100000' >/dev/null 2>&1 & echo ready";
    eprintln!("{}", printed(&environment, daemon).await);
    environment.run(Command::new(["sleep", "100000"])).await.unwrap();
}

#[tokio::test]
async fn killed_owner_leaves_what_gc_removes() {
    if Fixture::new().await.is_none() {
        return;
    }
    let (base, state) = (base(), tempfile::tempdir().unwrap());
    let owner = Owner {
        test: "owner::helper_owner",
        base: base.path(),
        state: state.path(),
    };
    owner.is_killed((0..15).map(|round| Duration::from_millis(round * 4)));
    // The directories and the control groups are what the journal is for.
    let entries = fs::read_dir(state.path().join("journal")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ids: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert!(!ids.is_empty());
    let manager = manager_with_state(base.path(), state.path());
    let owned = manager.open("owned").await.map(|found| found.status());
    assert!(!matches!(owned, Ok(Status::Running)), "{owned:?}");
    let collected = manager.gc(Gc::default()).await.unwrap();
    assert!(collected.failed.is_empty(), "{collected:?}");
    // The probe of the engine may be interrupted, too.
    let left = fs::read_dir(base.path()).unwrap().flatten();
    let left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let left: Vec<String> = left.chain(mounts_and_control_groups()).collect();
    let is_of_one = |text: &&String| ids.iter().any(|id| text.contains(id.as_str()));
    let left: Vec<_> = left.iter().filter(is_of_one).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_ordinary_owner_leaves_the_same() {
    as_ordinary_user("owner::killed_owner_leaves_what_gc_removes");
}

#[test]
fn environment_outlives_its_thread_and_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let Some(fixture) = runtime().block_on(Fixture::new()) else {
        return;
    };
    let base = fixture.base.path().to_owned();
    let manager = Arc::clone(&fixture.manager);
    let environment = std::thread::spawn(move || {
        runtime()
            .block_on(manager.create(&EngineChoice::Auto, EnvironmentSpec::default()))
            .unwrap()
    });
    let environment = environment.join().unwrap();
    let second = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(second.block_on(printed(&environment, "echo alive")), "alive");
    drop(second);
    drop(environment);
    drop(fixture.manager);
    assert!(running(&base).is_empty());
    assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
}

#[tokio::test]
async fn kept_environment_is_used_by_another_process() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        name: Some("kept".into()),
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let created = fixture.create(spec).await.unwrap();
    printed(&created, "sleep 100000 >/dev/null 2>&1 & echo $! >/tmp/pid").await;
    drop(created);
    fixture.manager.shutdown().await.unwrap();
    let other = manager(fixture.base.path());
    let opened = other.open("kept").await.unwrap();
    assert_eq!(opened.status(), Status::Running);
    printed(&opened, "kill -0 $(cat /tmp/pid)").await;
    drop(opened);
    // An environment that another process starts also outlives that.
    let opened = other.open("kept").await.unwrap();
    opened.stop(Duration::ZERO).await.unwrap();
    assert!(running(fixture.base.path()).is_empty());
    opened.start().await.unwrap();
    drop((opened, other));
    let third = manager(fixture.base.path());
    let opened = third.open("kept").await.unwrap();
    assert_eq!(printed(&opened, "cat /tmp/pid | wc -l").await, "1");
    opened.destroy().await.unwrap();
    assert!(running(fixture.base.path()).is_empty());
    assert_eq!(fixture.left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_at_once_all_work_and_leave_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let tasks = (0..100).map(|n| {
        let manager = Arc::clone(&fixture.manager);
        tokio::spawn(async move {
            let spec = EnvironmentSpec::default();
            let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
            let text = printed(
                &environment,
                &format!("echo {n} >/tmp/x; cat /tmp/x; ls /tmp | wc -l"),
            )
            .await;
            assert_eq!(text, format!("{n}\n1"));
            environment.destroy().await.unwrap();
            environment.id().to_string()
        })
    });
    let mut ids = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        ids.push(task.await.unwrap());
    }
    assert!(running(fixture.base.path()).is_empty());
    assert_eq!(fixture.left(), 0);
    let mut left = mounts_and_control_groups();
    left.retain(|path| ids.iter().any(|id| path.contains(id.as_str())));
    assert!(left.is_empty(), "{left:?}");
}

/// The mounts and the control groups of this machine.
fn mounts_and_control_groups() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut found: Vec<String> = mounts.lines().map(str::to_owned).collect();
    let mut left = vec![(PathBuf::from("/sys/fs/cgroup"), 0)];
    while let Some((directory, depth)) = left.pop() {
        // A control group may go while it is read.
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if depth < 4 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path().display().to_string());
                left.push((entry.path(), depth + 1));
            }
        }
    }
    found
}
