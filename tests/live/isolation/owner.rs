//! Containers end with the process that owns them. Journal and reaper do not exist here: an owner
//! is a child process that is killed with SIGKILL.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::time::Duration;

use engine_api::containers::{InspectContainer, KillContainer, ListContainers, RemoveContainer};
use isolation::{EnvironmentId, EnvironmentSpec, Lifetime, Status};

use super::{active, manager, sh, spec};
use crate::support::{Subject, engines, until};

/// The main processes: with an init program, and without.
const WAYS: [&str; 2] = ["main", "main-alone"];

/// An owner, and the prefix of its containers.
pub(super) struct Owner {
    pub(super) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(super) prefix: String,
    /// A journal that no other process reads.
    pub(super) state: tempfile::TempDir,
}

impl Owner {
    fn new(subject: &Subject, arguments: &[&str]) -> Self {
        Self::start(&subject.docker.address(), &[("ISOLATE_REAPER", "off")], arguments)
    }

    /// Starts an owner of environments on the daemon at this address.
    pub(super) fn start(address: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let state = tempfile::tempdir().unwrap();
        let mut child = Process::new(env!("CARGO_BIN_EXE_owner"))
            .envs(variables.iter().copied())
            .env("ISOLATE_STATE_DIR", state.path())
            .args([address, &prefix])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            prefix,
            state,
        }
    }

    pub(super) fn line(&mut self) -> String {
        self.lines.next().map_or_else(String::new, Result::unwrap)
    }

    /// An owner whose environments run.
    fn ready(subject: &Subject, arguments: &[&str]) -> Self {
        let mut owner = Self::new(subject, arguments);
        assert_eq!(owner.line(), "ready", "{}: {arguments:?}", subject.name);
        owner
    }

    /// Waits for the end of an owner that destroys its environment itself.
    async fn ended(&mut self, subject: &Subject) {
        subject.until_nothing_is_left(&self.prefix).await;
        self.child.wait().unwrap();
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The main processes with each kind of input.
fn ways() -> impl Iterator<Item = (&'static str, &'static str)> {
    let inputs = |way| ["none", "stdin", "tty"].map(|input| (way, input));
    WAYS.into_iter().flat_map(inputs)
}

pub(super) async fn running(subject: &Subject, prefix: &str) -> usize {
    let containers = subject.docker.containers();
    let listed = containers.list(ListContainers::default()).await.unwrap();
    listed
        .iter()
        .filter(|one| one.plain_name().starts_with(prefix))
        .count()
}

pub(super) async fn until_none_runs(subject: &Subject, prefix: &str, what: &str) {
    // The time itself is a figure of the example `owner_killed`.
    let what = format!("{}: {what} runs on", subject.name);
    until(&what, async || running(subject, prefix).await == 0).await;
}

/// Removes the leftovers of a killed owner; these tests have no reaper.
pub(super) async fn remove(subject: &Subject, prefix: &str) {
    for name in subject.containers(prefix).await {
        let options = RemoveContainer {
            force: true,
            volumes: true,
            ..RemoveContainer::default()
        };
        subject.docker.containers().remove(&name, options).await.unwrap();
    }
}

/// Waits until the main process has made the file `/up`.
async fn until_up(subject: &Subject, name: &str) {
    let containers = subject.docker.containers();
    let what = format!("{}: the main process does not begin", subject.name);
    until(&what, async || containers.stat(name, "/up").await.is_ok()).await;
}

/// Waits until the exec runs that is the lease of a main process with an input.
async fn until_leased(subject: &Subject, name: &str) {
    let (containers, execs) = (subject.docker.containers(), subject.docker.execs());
    let what = format!("{}: there is no lease", subject.name);
    until(&what, async || {
        let found = containers.inspect(name, InspectContainer::default()).await;
        match found.unwrap().exec_ids.first() {
            Some(id) => execs.inspect(id).await.is_ok_and(|exec| exec.running),
            None => false,
        }
    })
    .await;
}

#[tokio::test]
async fn containers_end_with_a_killed_owner() {
    for subject in engines() {
        // The connection is made again for each start.
        for (mode, count) in [("idle", "1"), ("idle", "10"), ("restarted", "2")] {
            let mut owner = Owner::ready(&subject, &[mode, count]);
            assert_eq!(
                running(&subject, &owner.prefix).await.to_string(),
                count,
                "{}",
                subject.name
            );
            owner.kill();
            until_none_runs(&subject, &owner.prefix, "an idle container").await;
            remove(&subject, &owner.prefix).await;
        }
    }
}

#[tokio::test]
async fn main_process_ends_with_a_killed_owner() {
    for subject in engines() {
        for (way, input) in ways() {
            let script = "trap '' TERM HUP INT; : >/up; while :; do sleep 1; done";
            let mut owner = Owner::ready(&subject, &[way, input, "sh", "-c", script]);
            let name = subject.containers(&owner.prefix).await.remove(0);
            until_up(&subject, &name).await;
            if input != "none" {
                until_leased(&subject, &name).await;
            }
            assert_eq!(
                running(&subject, &owner.prefix).await,
                1,
                "{}: {way} {input}",
                subject.name
            );
            owner.kill();
            until_none_runs(&subject, &owner.prefix, &format!("{way} {input}")).await;
            remove(&subject, &owner.prefix).await;
        }
    }
}

#[tokio::test]
async fn main_process_keeps_its_exit_code() {
    for subject in engines() {
        for (way, input) in ways() {
            for (argv, code) in [
                (&["sh", "-c", "exit 37"][..], "exit 37"),
                (&["sh", "-c", "kill -9 $$"], "exit 137"),
                (&["sh", "-c", "kill -11 $$"], "exit 139"),
                (&["no-such-program"], "exit 127"),
                (&["/etc/passwd"], "exit 126"),
            ] {
                let mut owner = Owner::ready(&subject, &[&[way, input], argv].concat());
                assert_eq!(owner.line(), code, "{}: {way} {input}: {argv:?}", subject.name);
                owner.ended(&subject).await;
            }
        }
    }
}

#[tokio::test]
async fn signal_reaches_the_main_process() {
    for subject in engines() {
        for (way, input) in ways() {
            let script = "trap 'exit 41' TERM; : >/up; while :; do sleep 0.1; done";
            let mut owner = Owner::ready(&subject, &[way, input, "sh", "-c", script]);
            let name = subject.containers(&owner.prefix).await.remove(0);
            until_up(&subject, &name).await;
            let signal = "SIGTERM".to_owned();
            let containers = subject.docker.containers();
            containers.kill(&name, KillContainer { signal }).await.unwrap();
            assert_eq!(owner.line(), "exit 41", "{}: {way} {input}", subject.name);
            owner.ended(&subject).await;
        }
    }
}

#[tokio::test]
async fn paused_container_ends_when_it_is_resumed() {
    for subject in engines() {
        let mut owner = Owner::ready(&subject, &["idle", "1"]);
        let name = subject.containers(&owner.prefix).await.remove(0);
        subject.docker.containers().pause(&name).await.unwrap();
        owner.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let containers = subject.docker.containers();
        let found = containers.inspect(&name, InspectContainer::default()).await;
        assert!(found.unwrap().state.paused, "{}", subject.name);
        subject.docker.containers().unpause(&name).await.unwrap();
        until_none_runs(&subject, &owner.prefix, "a resumed container").await;
        remove(&subject, &owner.prefix).await;
    }
}

#[tokio::test]
async fn kept_container_survives_its_owner() {
    for subject in engines() {
        // Another process keeps it: by a signal.
        let mut owner = Owner::ready(&subject, &["idle", "2"]);
        let (manager, _) = manager(&subject);
        let names = subject.containers(&owner.prefix).await;
        let id = names[0].rsplit('_').next().unwrap();
        let opened = manager.open(id).await.unwrap();
        opened.keep().await.unwrap();
        owner.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(running(&subject, &owner.prefix).await, 1, "{}", subject.name);
        assert_eq!(sh(&opened, "echo alive").await, "alive", "{}", subject.name);
        opened.stop(Duration::from_secs(5)).await.unwrap();
        opened.start().await.unwrap();
        assert_eq!(sh(&opened, "echo again").await, "again", "{}", subject.name);
        remove(&subject, &owner.prefix).await;
    }
}

#[tokio::test]
async fn kept_environment_has_no_owner_any_more() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let lifetime = async |wanted: &str| {
            let state = environment.inspect().await.unwrap();
            let found = &state.details["lifetime"];
            assert!(found.contains(wanted), "{}: {found}", subject.name);
        };
        lifetime("by its connection").await;
        environment.restart(Duration::from_secs(2)).await.unwrap();
        assert_eq!(sh(&environment, "echo x").await, "x", "{}", subject.name);
        environment.keep().await.unwrap();
        lifetime("kept").await;
        let id = environment.id().clone();
        drop((environment, manager));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(running(&subject, &prefix).await, 1, "{}", subject.name);
        let (manager, _) = super::manager(&subject);
        let opened = manager.open(id.as_str()).await.unwrap();
        assert_eq!(opened.status(), Status::Running, "{}", subject.name);
        opened.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn orphaned_processes_are_reaped() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        for lifetime in [Lifetime::Owner, Lifetime::Kept] {
            let environment = active(&manager, EnvironmentSpec { lifetime, ..spec() }).await;
            let script = "i=0; while [ $i -lt 100 ]; do (sh -c 'sleep 0.2 &' &); i=$((i+1)); done";
            sh(&environment, script).await;
            let zombies = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || true";
            let what = format!("{}: {lifetime:?}: zombies are left", subject.name);
            until(&what, async || sh(&environment, zombies).await == "0").await;
            environment.destroy().await.unwrap();
        }
    }
}
