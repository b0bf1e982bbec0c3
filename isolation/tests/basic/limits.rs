//! Limits of environments on this machine, which need control groups that this user may create.

use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::{
    Command, DiskLimitKind, EngineChoice, Environment, EnvironmentSpec, ErrorKind, EventKind, Feature,
    Manager, MetricsKind, Registry, ResourceLimits, Status,
};

fn manager(base: &std::path::Path) -> Manager {
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base)).unwrap();
    Manager::new(registry)
}

/// An environment with limits; where this user may create no control group, the error that reports
/// it was checked.
async fn limited(manager: &Manager, limits: ResourceLimits, needed: Feature) -> Option<Environment> {
    let engine = manager.registry().get("basic").unwrap();
    let has = engine.probe().await.capabilities.has(needed);
    let spec = EnvironmentSpec {
        limits,
        ..EnvironmentSpec::default()
    };
    match manager.create(&EngineChoice::Named("basic".into()), spec).await {
        Ok(environment) => {
            assert!(has, "a limit without effect");
            Some(environment)
        }
        Err(error) => {
            assert_eq!((has, error.kind()), (false, ErrorKind::Unsupported), "{error}");
            assert!(error.to_string().contains("control group"), "{error}");
            None
        }
    }
}

/// Groups with this ID, in every hierarchy.
fn groups(id: &str) -> usize {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter(|line| line.contains(" - cgroup"));
    let find = |point: &str| {
        let found = std::process::Command::new("find")
            .args([point, "-name", &format!("isolation-{id}")])
            .output();
        String::from_utf8_lossy(&found.unwrap().stdout).lines().count()
    };
    points.map(|line| find(line.split(' ').nth(4).unwrap())).sum()
}

#[tokio::test]
async fn command_above_the_memory_limit_is_killed() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let limits = ResourceLimits {
        memory: Some(32 << 20),
        ..ResourceLimits::default()
    };
    let Some(environment) = limited(&manager, limits, Feature::MemoryLimit).await else {
        return;
    };
    let id = environment.id().to_string();
    // `tail` keeps what it reads until the end of the line.
    let much = "head -c 200000000 /dev/zero | tail >/dev/null; echo \"code $?\"; echo alive";
    let output = environment.run(Command::shell(much)).await.unwrap();
    assert_eq!(output.stdout_text(), "code 137\nalive\n", "{output:?}");
    let usage = environment.metrics().await.unwrap();
    assert_eq!(usage.memory_limit, Some(32 << 20));
    assert!(usage.memory_peak > 16 << 20, "{usage:?}");
    assert!(groups(&id) > 0);
    environment.destroy().await.unwrap();
    assert_eq!(groups(&id), 0, "a control group is left");
}

/// Where this user may create no control group, the processes are counted.
#[tokio::test]
async fn usage_is_measured_without_a_group() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let probe = manager.registry().get("basic").unwrap().probe().await;
    let kind = probe.capabilities.values().metrics.unwrap();
    let choice = EngineChoice::Named("basic".into());
    let environment = manager.create(&choice, EnvironmentSpec::default()).await.unwrap();
    let idle = environment.metrics().await.unwrap();
    assert_eq!(idle.is_approximate, kind == MetricsKind::Approximate);
    assert_eq!((idle.processes, idle.memory_limit), (0, None));
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let pid = environment.run(Command::shell(script)).await.unwrap();
    let sample = environment.metrics().await.unwrap();
    assert!(sample.processes >= 1 && sample.memory > 0, "{sample:?}");
    assert_eq!(environment.metrics_history().len(), 2);
    let end = format!("kill -9 {}", pid.stdout_text());
    assert!(environment.run(Command::shell(end)).await.unwrap().exit.success());
    while environment.metrics().await.unwrap().processes > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn fork_bomb_stays_in_the_environment() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let limits = ResourceLimits {
        pids: Some(20),
        ..ResourceLimits::default()
    };
    let Some(environment) = limited(&manager, limits, Feature::PidsLimit).await else {
        return;
    };
    let id = environment.id().to_string();
    // They do not hold the output open.
    let many = "i=0; while [ $i -lt 60 ]; do env -i setsid sleep 1000 </dev/null >/dev/null 2>&1 & \
                i=$((i+1)); done";
    let output = environment.run(Command::shell(many)).await.unwrap();
    let text = output.stderr_text();
    assert!(text.contains("fork") && !output.exit.success(), "{output:?}");
    // None of them has a mark, a session or a directory of the environment.
    environment.destroy().await.unwrap();
    assert_eq!(groups(&id), 0, "a control group is left");
}

/// A process that opens the environment is in another group.
#[tokio::test]
async fn limit_holds_for_commands_of_another_process() {
    let base = tempfile::tempdir().unwrap();
    let creator = manager(base.path());
    let limits = ResourceLimits {
        pids: Some(50),
        ..ResourceLimits::default()
    };
    let Some(environment) = limited(&creator, limits, Feature::PidsLimit).await else {
        return;
    };
    let opened = manager(base.path())
        .open(environment.id().as_str())
        .await
        .unwrap();
    let own = Command::new(["cat", "/proc/self/cgroup"]);
    let text = opened.run(own).await.unwrap().stdout_text();
    assert!(
        text.contains(&format!("isolation-{}", environment.id())),
        "{text}"
    );
    let found = opened.inspect().await.unwrap().limits.unwrap();
    assert_eq!(found.pids, Some(50));
    // This process is outside.
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    assert!(!own.contains("isolation-"), "{own}");
    environment.destroy().await.unwrap();
}

const LONG: Duration = Duration::from_secs(300);

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap();
}

async fn with_disk(manager: &Manager, disk: u64) -> Environment {
    let spec = EnvironmentSpec {
        limits: ResourceLimits {
            disk: Some(disk),
            ..ResourceLimits::default()
        },
        ..EnvironmentSpec::default()
    };
    let named = EngineChoice::Named("basic".into());
    let environment = manager.create(&named, spec).await.unwrap();
    environment.start().await.unwrap();
    environment
}

#[tokio::test]
async fn disk_limit_is_supervised_and_needs_no_group() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let capabilities = manager
        .registry()
        .get("basic")
        .unwrap()
        .probe()
        .await
        .capabilities;
    assert_eq!(capabilities.values().disk_limit, Some(DiskLimitKind::Supervised));
    let mut events = manager.subscribe();
    let environment = with_disk(&manager, 4 << 20).await;
    let details = environment.inspect().await.unwrap().details;
    assert!(
        details["disk_limit"].starts_with("4194304 bytes, supervised"),
        "{details:?}"
    );
    let command = Command::shell("head -c 6000000 /dev/urandom >large; sleep 1000");
    let run = tokio::time::timeout(LONG, environment.run(command)).await;
    assert!(!run.unwrap().is_ok_and(|output| output.exit.success()));
    let exceeded = async {
        loop {
            if let EventKind::DiskLimitExceeded { used, limit } = events.next().await.unwrap().unwrap().kind {
                return (used, limit);
            }
        }
    };
    let (used, limit) = tokio::time::timeout(LONG, exceeded).await.unwrap();
    assert!(used > limit && limit == 4 << 20, "{used} {limit}");
    until(async || environment.inspect().await.unwrap().status == Status::Stopped).await;
    environment.destroy().await.unwrap();
}

/// A process that opens a kept environment supervises it. The supervision keeps no environment.
#[tokio::test]
async fn disk_limit_holds_in_another_process() {
    let base = tempfile::tempdir().unwrap();
    let creator = manager(base.path());
    let environment = with_disk(&creator, 4 << 20).await;
    environment.keep().await.unwrap();
    let id = environment.id().to_string();
    drop((environment, creator));
    let opened = manager(base.path()).open(&id).await.unwrap();
    let command = Command::shell("head -c 6000000 /dev/urandom >large; sleep 1000");
    let run = tokio::time::timeout(LONG, opened.run(command)).await;
    assert!(!run.unwrap().is_ok_and(|output| output.exit.success()));
    until(async || opened.inspect().await.unwrap().status == Status::Stopped).await;
    let why = opened.stopped_because().unwrap();
    assert!(why.contains("more than the disk limit"), "{why}");
    opened.destroy().await.unwrap();

    drop(with_disk(&manager(base.path()), 4 << 20).await);
    until(async || std::fs::read_dir(base.path()).unwrap().count() == 0).await;
}
