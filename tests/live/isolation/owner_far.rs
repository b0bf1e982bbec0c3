//! Owners of a daemon on another machine. A timeout of something between must not end the
//! containers of a living owner, so journal and reaper end them, and not the connection.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_api::Docker;
use isolation::engines::docker::DockerEngine;
use isolation::{EnvironmentId, Lifetime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::owner::{Owner, remove, running};
use super::owner_ends::{isolate, kill_reaper, reaper, until_all_is_gone};
use super::{active, manager_of, sh, spec};
use crate::support::{Subject, engines, required};

/// A relay between a TCP port of this machine and an engine, which can cut its connections.
struct Relay {
    address: String,
    cut: tokio::sync::watch::Sender<u32>,
    _accepting: JoinSet<()>,
}

impl Relay {
    async fn to(subject: &Subject) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let connector = subject.connector();
        let (cut, seen) = tokio::sync::watch::channel(0);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (connector, mut cut) = (connector.clone(), seen.clone());
                cut.mark_unchanged();
                relays.spawn(async move {
                    let Ok(mut far) = connector.connect().await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            cut,
            _accepting: accepting,
        }
    }

    /// Ends all connections, as a proxy does after a silence.
    fn cut_all(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn lifetime_is_by_cleanup(address: &str, subject: &Subject) {
    let docker = Docker::with_address(&address.parse().unwrap()).unwrap();
    let engine = DockerEngine::new(docker);
    let prefix = format!("live_{}_", EnvironmentId::random().short());
    let manager = manager_of(engine.with_prefix(&prefix).unwrap());
    let environment = active(&manager, spec()).await;
    assert_eq!(environment.spec().lifetime, Lifetime::Owner);
    let details = environment.inspect().await.unwrap().details;
    assert_eq!(details["lifetime"], "owner, by cleanup", "{}", subject.name);
    environment.destroy().await.unwrap();
}

/// The reaper removes what a killed owner leaves; without it, `isolate gc` does.
async fn killed_owner_leaves_nothing(address: &str, subject: &Subject) {
    for with_reaper in [true, false] {
        let mut owner = Owner::start(address, &[reaper()], &["idle", "2"]);
        assert_eq!(owner.line(), "ready", "{}", subject.name);
        if !with_reaper {
            kill_reaper(owner.child.id()).await;
        }
        owner.kill();
        if !with_reaper {
            assert_eq!(running(subject, &owner.prefix).await, 2, "{}", subject.name);
            let gc = isolate(address, owner.state.path(), &["gc"]);
            assert!(gc.status.success(), "{}: {gc:?}", subject.name);
        }
        until_all_is_gone(subject, &owner.prefix, owner.state.path(), address).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_over_tcp_is_known_by_its_journal() {
    for subject in engines() {
        let relay = Relay::to(&subject).await;
        lifetime_is_by_cleanup(&relay.address, &subject).await;
        killed_owner_leaves_nothing(&relay.address, &subject).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connection_does_not_end_a_container() {
    for subject in engines() {
        let relay = Relay::to(&subject).await;
        let docker = Docker::with_address(&relay.address.parse().unwrap()).unwrap();
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let manager = manager_of(DockerEngine::new(docker).with_prefix(&prefix).unwrap());
        let environment = active(&manager, spec()).await;
        sh(&environment, "echo before >/file").await;
        relay.cut_all();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(running(&subject, &prefix).await, 1, "{}", subject.name);
        assert_eq!(sh(&environment, "cat /file").await, "before", "{}", subject.name);
        environment.destroy().await.unwrap();
        remove(&subject, &prefix).await;
    }
}

/// A program `ssh` that has the keys of the test server, in a directory for `PATH`.
fn ssh_with_keys(files: &Path) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|one| one.join("ssh"))
        .find(|one| one.exists());
    let script = format!(
        "#!/bin/sh\nexec '{}' -i '{}' -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \"$@\"\n",
        found.unwrap().display(),
        files.join("id").display()
    );
    let file = directory.path().join("ssh");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

#[tokio::test]
#[ignore = "needs SSH_ENGINE and SSH_FILES, as tests/sshd prints them"]
async fn owner_over_ssh_is_known_by_its_journal() {
    let (address, files) = (required("SSH_ENGINE"), PathBuf::from(required("SSH_FILES")));
    let directory = ssh_with_keys(&files);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", directory.path().display());
    let mut owner = Owner::start(&address, &[("PATH", &path), reaper()], &["idle", "1"]);
    assert_eq!(owner.line(), "ready");
    // The engine behind the server is one of the others.
    let mut made = 0;
    for subject in engines() {
        made += subject.containers(&owner.prefix).await.len();
    }
    assert_eq!(made, 1, "ENGINES lacks the engine of {address}");
    owner.kill();
    for subject in engines() {
        until_all_is_gone(&subject, &owner.prefix, owner.state.path(), &address).await;
    }
}
