//! Limits: what the daemon applies, what an environment sees, and what happens at a limit.

use std::time::Duration;

use engine_api::containers::{CreateContainer, RemoveContainer};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, EnvironmentSpec, ErrorKind, EventKind, Lifetime, Main, MemorySwap, Mount, ResourceLimits,
    Status, Ulimit,
};

use super::{active, create, ended, manager, manager_of, sh, spec};
use crate::support::{LONG, Subject, engines, one_line};

fn limited(limits: ResourceLimits) -> EnvironmentSpec {
    EnvironmentSpec { limits, ..spec() }
}

/// The first file that exists, of control groups of version 2 and 1.
const READ: &str = "r() { for f; do [ -r $f ] && { cat $f; return; }; done; }; cd /sys/fs/cgroup; ";

#[tokio::test]
async fn limits_are_in_force_inside() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let limits = ResourceLimits {
            memory: Some(64 << 20),
            memory_swap: Some(MemorySwap::Total(96 << 20)),
            cpus: Some(0.5),
            cpuset_cpus: Some("0".into()),
            pids: Some(50),
            shm_size: Some(16 << 20),
            ulimits: [("nofile".to_owned(), Ulimit::new(123))].into(),
            ..ResourceLimits::default()
        };
        let environment = active(&manager, limited(limits.clone())).await;
        let found = environment.inspect().await.unwrap().limits.unwrap();
        assert_eq!(found.memory, limits.memory, "{}", subject.name);
        assert_eq!(found.memory_swap, limits.memory_swap, "{}", subject.name);
        assert_eq!(
            (found.cpus, found.pids),
            (Some(0.5), Some(50)),
            "{}",
            subject.name
        );
        for (script, expected) in [
            ("r memory.max memory/memory.limit_in_bytes", "67108864"),
            ("r pids.max pids/pids.max", "50"),
            ("r cpu.max cpu/cpu.cfs_quota_us | awk '{print $1}'", "50000"),
            ("r cpuset.cpus cpuset/cpuset.cpus", "0"),
            ("ulimit -n", "123"),
            ("df -k /dev/shm | tail -n 1 | awk '{print $2}'", "16384"),
        ] {
            let found = sh(&environment, &format!("{READ}{script}")).await;
            assert_eq!(found, expected, "{}: {script}", subject.name);
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn limits_change_while_it_runs() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let memory = |bytes: u64| ResourceLimits {
            memory: Some(bytes),
            ..ResourceLimits::default()
        };
        let environment = active(&manager, limited(memory(64 << 20))).await;
        for (limits, script, expected) in [
            (
                memory(128 << 20),
                "r memory.max memory/memory.limit_in_bytes",
                "134217728",
            ),
            (
                memory(48 << 20),
                "r memory.max memory/memory.limit_in_bytes",
                "50331648",
            ),
            (
                ResourceLimits {
                    pids: Some(60),
                    ..ResourceLimits::default()
                },
                "r pids.max pids/pids.max",
                "60",
            ),
            (
                ResourceLimits {
                    cpus: Some(0.25),
                    ..ResourceLimits::default()
                },
                "r cpu.max cpu/cpu.cfs_quota_us | awk '{print $1}'",
                "25000",
            ),
            (
                ResourceLimits {
                    cpuset_cpus: Some("0".into()),
                    ..ResourceLimits::default()
                },
                "r cpuset.cpus cpuset/cpuset.cpus",
                "0",
            ),
        ] {
            let updated = environment.update(&limits).await;
            updated.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
            let found = sh(&environment, &format!("{READ}{script}")).await;
            assert_eq!(found, expected, "{}: {limits:?}", subject.name);
        }
        assert_eq!(environment.metrics().await.unwrap().memory_limit, Some(48 << 20));
        // More is in use than the new limit.
        let filled = "head -c 30000000 /dev/zero >/dev/shm/x";
        sh(&environment, filled).await;
        let error = environment.update(&memory(8 << 20)).await.unwrap_err();
        let text = one_line(&error);
        assert_eq!(error.kind(), ErrorKind::Conflict, "{}: {text}", subject.name);
        assert!(text.contains("8388608"), "{}: {text}", subject.name);
        let too_many = ResourceLimits {
            cpus: Some(4096.0),
            ..ResourceLimits::default()
        };
        let error = environment.update(&too_many).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", one_line(&error));
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Every daemon gives the same answer, before anything is sent.
#[tokio::test]
async fn limit_that_the_machine_does_not_have_is_invalid() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for limits in [
            ResourceLimits {
                memory: Some(4 << 20),
                ..ResourceLimits::default()
            },
            ResourceLimits {
                cpus: Some(4096.0),
                ..ResourceLimits::default()
            },
            ResourceLimits {
                cpuset_cpus: Some("4096".into()),
                ..ResourceLimits::default()
            },
        ] {
            let error = create(&manager, limited(limits.clone())).await.unwrap_err();
            let text = one_line(&error);
            assert!(
                matches!(error.kind(), ErrorKind::InvalidInput),
                "{}: {limits:?}: {text}",
                subject.name
            );
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Some daemons discard the weight with a warning only.
#[tokio::test]
async fn discarded_limit_is_an_error() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mut limits = ResourceLimits::default();
        limits.block_io.weight = Some(300);
        let warned = warns_about_weight(&subject, &prefix).await;
        match create(&manager, limited(limits)).await {
            Ok(environment) => {
                assert!(!warned, "{}: the limit is discarded", subject.name);
                environment.destroy().await.unwrap();
            }
            Err(error) => assert!(
                warned && error.kind() == ErrorKind::Unsupported && !error.missing().is_empty(),
                "{}: {}",
                subject.name,
                one_line(&error)
            ),
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

async fn warns_about_weight(subject: &Subject, prefix: &str) -> bool {
    let mut body = CreateContainer {
        name: Some(format!("{prefix}weight")),
        image: crate::support::IMAGE.to_owned(),
        ..CreateContainer::default()
    };
    body.host_config.blkio_weight = 300;
    let containers = subject.docker.containers();
    let Ok(created) = containers.create(body).await else {
        return true;
    };
    let id = &created.id;
    let inspected = containers.inspect(id, Default::default()).await.unwrap();
    containers.remove(id, RemoveContainer::default()).await.unwrap();
    created
        .warnings
        .iter()
        .any(|warning| warning.contains("Block I/O"))
        || inspected.host_config.blkio_weight != 300
}

#[tokio::test]
async fn oom_kill_is_reported_for_main_child_and_command() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let limits = ResourceLimits {
            memory: Some(32 << 20),
            ..ResourceLimits::default()
        };
        let eater = "tail /dev/zero";
        let environment = active(&manager, limited(limits.clone())).await;
        let of_command = environment
            .run(Command::shell(format!("exec {eater}")))
            .await
            .unwrap();
        assert!(
            of_command.exit.oom,
            "{}: a command: {}",
            subject.name, of_command.exit
        );
        let killed = environment.run(Command::shell("kill -9 $$")).await.unwrap();
        assert!(!killed.exit.oom, "{}: a kill is not an OOM kill", subject.name);
        let child = format!("{eater}; r=$?; [ $r = 137 ] || exit 9; exit 137");
        let of_child = environment.run(Command::shell(child)).await.unwrap();
        assert!(of_child.exit.oom, "{}: a child: {}", subject.name, of_child.exit);
        let fine = environment.run(Command::shell("exit 3")).await.unwrap();
        assert!(!fine.exit.oom, "{}: a later command", subject.name);
        environment.destroy().await.unwrap();
        let main = Main::Command(Command::new(["tail", "/dev/zero"]));
        let environment = active(
            &manager,
            EnvironmentSpec {
                main,
                ..limited(limits)
            },
        )
        .await;
        let exit = environment.wait().await.unwrap();
        assert!(
            exit.oom && exit.code == 137,
            "{}: the main process: {exit}",
            subject.name
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn full_tmpfs_fails_writes_at_its_size() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mounts = vec![Mount::tmpfs("/small", Some(1 << 20))];
        let environment = active(&manager, EnvironmentSpec { mounts, ..spec() }).await;
        let script = "dd if=/dev/zero of=/small/x bs=1000 count=2000; echo $?; wc -c </small/x";
        let output = environment.run(Command::shell(script)).await.unwrap();
        assert_eq!(output.stdout_text(), "1\n1048576\n", "{}", subject.name);
        assert!(output.stderr_text().contains("No space"), "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Where the storage has no quotas, the size is measured.
#[tokio::test]
async fn disk_limit_is_enforced_or_supervised() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mut events = manager.subscribe();
        let limits = ResourceLimits {
            disk: Some(8 << 20),
            ..ResourceLimits::default()
        };
        let environment = active(&manager, limited(limits)).await;
        sh(&environment, "head -c 1000000 /dev/zero >/small").await;
        let more = environment.run(Command::shell("head -c 20000000 /dev/zero >/large; sleep 1000"));
        let more = tokio::time::timeout(Duration::from_secs(600), more).await;
        let exceeded = loop {
            match events.next().await.unwrap().unwrap().kind {
                EventKind::DiskLimitExceeded { used, limit } => break Some((used, limit)),
                EventKind::CommandEnded { exit, .. } if exit.code == 1 => break None,
                _ => {}
            }
        };
        if let Some((used, limit)) = exceeded {
            assert!(used > 20_000_000 && limit == 8 << 20, "{}: {used}", subject.name);
            assert!(more.is_ok(), "{}: the command ends", subject.name);
            while environment.inspect().await.unwrap().status != Status::Stopped {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The main process of an environment that was started with its streams.
#[tokio::test]
async fn disk_limit_holds_for_an_attached_main_process() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let limits = ResourceLimits {
            disk: Some(8 << 20),
            ..ResourceLimits::default()
        };
        let main = Main::Command(Command::shell(
            "head -c 20000000 /dev/zero >/large || exit 1; sleep 1000",
        ));
        let spec = EnvironmentSpec {
            main,
            ..limited(limits)
        };
        let run = tokio::time::timeout(Duration::from_secs(600), ended(&manager, spec)).await;
        let (environment, output) = run.expect("the main process ends");
        let exit = output.exit;
        if exit.code != 1 {
            let why = environment.stopped_because().unwrap_or_default();
            assert!(
                why.contains("more than the disk limit"),
                "{}: {exit}: {why}",
                subject.name
            );
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The process that opens a kept environment measures its size, where the storage has no quotas.
#[tokio::test]
async fn size_of_an_opened_environment_is_limited() {
    for subject in engines() {
        let (creator, prefix) = manager(&subject);
        let limits = ResourceLimits {
            disk: Some(8 << 20),
            ..ResourceLimits::default()
        };
        let spec = EnvironmentSpec {
            lifetime: Lifetime::Kept,
            ..limited(limits)
        };
        let created = active(&creator, spec).await;
        let id = created.id().to_string();
        drop((created, creator));
        let engine = DockerEngine::new(subject.docker.clone());
        let opener = manager_of(engine.with_prefix(&prefix).unwrap());
        let opened = opener.open(&id).await.unwrap();
        let more = opened.run(Command::shell("head -c 20000000 /dev/zero >/large && sleep 1000"));
        // It is killed, or cannot write.
        let more = tokio::time::timeout(LONG, more).await;
        let ended = more.unwrap_or_else(|_| panic!("{}: the limit is not enforced", subject.name));
        assert!(
            !ended.is_ok_and(|output| output.exit.code == 0),
            "{}",
            subject.name
        );
        opened.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
