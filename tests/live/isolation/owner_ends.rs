//! Whatever ends the owner of environments, nothing of it is left: neither a container nor an entry
//! of its journal. A second owner and the containers of others stay as they are.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command as Process, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine_api::containers::{CreateContainer, RemoveContainer, StartContainer};
use isolation::EnvironmentId;
use isolation::engines::docker::labels;

use super::owner::{Owner, running};
use crate::support::{IMAGE, LONG, Subject, engines};

/// The program with the reaper, which is built with the workspace.
pub(super) fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_owner")).with_file_name("isolate");
        assert!(program.exists(), "build it: cargo build -p isolation-cli");
        program.display().to_string()
    });
    &PROGRAM
}

/// The variable that names the reaper.
pub(super) fn reaper() -> (&'static str, &'static str) {
    ("ISOLATE_REAPER", program())
}

/// Runs a command of isolate with the journal of an owner.
pub(super) fn isolate(address: &str, state: &Path, arguments: &[&str]) -> Output {
    let mut command = Process::new(program());
    command
        .args(["--host", address])
        .args(arguments)
        .env("ISOLATE_STATE_DIR", state)
        .env("ISOLATE_REAPER", "off")
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn entries(state: &Path) -> usize {
    std::fs::read_dir(state.join("journal")).map_or(0, Iterator::count)
}

pub(super) async fn until_all_is_gone(subject: &Subject, prefix: &str, state: &Path, what: &str) {
    let began = Instant::now();
    loop {
        let left = subject.containers(prefix).await;
        if left.is_empty() && entries(state) == 0 {
            return;
        }
        let entries = entries(state);
        assert!(
            began.elapsed() < LONG,
            "{}: {what}: {left:?}, {entries} entries",
            subject.name
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Process::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill -{name} {pid}");
}

/// The PIDs of the reapers of an owner.
pub(super) fn reapers(owner: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let of_owner = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&format!("reaper --detached {owner} "))
    };
    pids.filter(of_owner).collect()
}

/// Waits until the reaper of an owner runs, and kills it.
pub(super) async fn kill_reaper(owner: u32) {
    let began = Instant::now();
    while reapers(owner).is_empty() {
        assert!(began.elapsed() < LONG, "the reaper of {owner} does not run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for reaper in reapers(owner) {
        signal("KILL", reaper);
    }
}

/// A container that looks like one of ours by its labels and its image, but has another name.
async fn stranger(subject: &Subject, like: &str) -> String {
    let containers = subject.docker.containers();
    let found = containers.inspect(like, Default::default()).await.unwrap();
    let name = format!("stranger_{}", EnvironmentId::random());
    assert!(found.config.labels.contains_key(labels::ENVIRONMENT), "{found:?}");
    let body = CreateContainer {
        name: Some(name.clone()),
        image: IMAGE.into(),
        cmd: ["sleep", "1000"].into(),
        labels: found.config.labels.clone(),
        ..CreateContainer::default()
    };
    containers.create(body).await.unwrap();
    containers.start(&name, StartContainer::default()).await.unwrap();
    name
}

async fn end(owner: &mut Owner, way: &str) {
    let pid = owner.child.id();
    let (way, others) = way.split_once('+').unwrap_or((way, ""));
    if others == "reaper" {
        kill_reaper(pid).await;
    }
    match way {
        "panic" | "exit" | "return" => {
            let mut stdin = owner.child.stdin.take().unwrap();
            writeln!(stdin, "{way}").unwrap();
        }
        name => signal(name, pid),
    }
    owner.child.wait().unwrap();
}

#[tokio::test]
async fn nothing_is_left_whatever_ends_the_owner() {
    for subject in engines() {
        let address = subject.docker.address();
        let mut second = Owner::start(&address, &[reaper()], &["idle", "1"]);
        assert_eq!(second.line(), "ready", "{}", subject.name);
        let seconds = subject.containers(&second.prefix).await;
        let stranger = stranger(&subject, &seconds[0]).await;
        for way in [
            "HUP",
            "INT",
            "QUIT",
            "TERM",
            "ABRT",
            "KILL",
            "panic",
            "exit",
            "return",
            "KILL+reaper",
        ] {
            let mut owner = Owner::start(&address, &[reaper()], &["idle", "2"]);
            assert_eq!(owner.line(), "ready", "{}: {way}", subject.name);
            end(&mut owner, way).await;
            if way.ends_with("+reaper") {
                // The owner connection has ended them; the next start or gc removes them.
                super::owner::until_none_runs(&subject, &owner.prefix, way).await;
                let gc = isolate(&address, owner.state.path(), &["gc"]);
                assert!(gc.status.success(), "{}: {gc:?}", subject.name);
            }
            until_all_is_gone(&subject, &owner.prefix, owner.state.path(), way).await;
            assert_eq!(
                running(&subject, &second.prefix).await,
                1,
                "{}: {way}",
                subject.name
            );
            assert_eq!(running(&subject, &stranger).await, 1, "{}: {way}", subject.name);
        }
        end(&mut second, "KILL").await;
        until_all_is_gone(&subject, &second.prefix, second.state.path(), "the second").await;
        assert_eq!(running(&subject, &stranger).await, 1, "{}", subject.name);
        let force = RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        };
        subject
            .docker
            .containers()
            .remove(&stranger, force)
            .await
            .unwrap();
    }
}

/// `script` of util-linux, which gives a command a terminal; its end closes the terminal.
fn on_a_terminal(address: &str, state: &Path, name: &str) -> Child {
    let line = format!(
        "exec {} --host {address} run -it --image {IMAGE} --pull never --name {name} -- \
         sh -c 'trap \"\" HUP TERM INT; echo up; while :; do sleep 1; done'",
        program()
    );
    Process::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("ISOLATE_STATE_DIR", state)
        .envs([reaper()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn nothing_is_left_after_the_end_of_a_terminal() {
    for subject in engines() {
        for way in ["HUP", "QUIT", "KILL", "terminal"] {
            let state = tempfile::tempdir().unwrap();
            let name = format!("term-{}", EnvironmentId::random().short());
            let mut script = on_a_terminal(&subject.docker.address(), state.path(), &name);
            let named = async || {
                let all = subject.containers("").await;
                all.into_iter()
                    .filter(|one| one.contains(&name))
                    .collect::<Vec<_>>()
            };
            let began = Instant::now();
            while named().await.is_empty() || running(&subject, &named().await[0]).await == 0 {
                assert!(
                    began.elapsed() < LONG,
                    "{}: {way}: it does not start",
                    subject.name
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            match way {
                "terminal" => script.kill().unwrap(),
                name => {
                    let children = format!("/proc/{0}/task/{0}/children", script.id());
                    let children = std::fs::read_to_string(children).unwrap();
                    signal(name, children.trim().parse().unwrap());
                }
            }
            script.wait().unwrap();
            let began = Instant::now();
            while !named().await.is_empty() || entries(state.path()) > 0 {
                assert!(
                    began.elapsed() < LONG,
                    "{}: {way}: {:?}, {} entries",
                    subject.name,
                    named().await,
                    entries(state.path())
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
