//! An engine behind a real sshd: options of ssh, streams, and one shared connection. Needs
//! `tests/sshd`.

use std::path::PathBuf;
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{Address, SshConnector};
use engine_api::containers::CreateContainer;

use crate::support::{IMAGE, required};

/// A connector with the keys of the test server.
fn connector(files: &std::path::Path) -> SshConnector {
    let Ok(Address::Ssh { user, host, port, .. }) = required("SSH_ENGINE").parse() else {
        panic!("SSH_ENGINE is not ssh://user@host:port");
    };
    let key = files.join("id").display().to_string();
    SshConnector::new(&host)
        .and_then(|ssh| ssh.user(&user.unwrap()))
        .map(|ssh| ssh.port(port.unwrap()))
        .and_then(|ssh| ssh.option("IdentityFile", &key))
        .and_then(|ssh| ssh.option("IdentitiesOnly", "yes"))
        .and_then(|ssh| ssh.option("StrictHostKeyChecking", "no"))
        .and_then(|ssh| ssh.option("UserKnownHostsFile", "/dev/null"))
        .and_then(|ssh| ssh.option("LogLevel", "ERROR"))
        .unwrap()
}

/// How often somebody has logged in.
fn logins(files: &std::path::Path) -> usize {
    let log = std::fs::read_to_string(files.join("log")).unwrap();
    log.lines()
        .filter(|line| line.starts_with("Accepted publickey"))
        .count()
}

/// Runs a container, which takes more than one connection, and reads its output.
async fn run(docker: &Docker, text: &str) {
    let container = CreateContainer {
        image: IMAGE.into(),
        cmd: ["echo", text].into(),
        ..Default::default()
    };
    assert_eq!(
        docker.containers().run(container).await.unwrap().text().trim(),
        text
    );
}

#[tokio::test]
#[ignore = "needs SSH_ENGINE and SSH_FILES, as tests/sshd prints them"]
async fn one_login_serves_all_connections() {
    let files = PathBuf::from(required("SSH_FILES"));
    let docker = Docker::with_connector(connector(&files));
    let before = logins(&files);
    run(&docker, "alone").await;
    assert!(logins(&files) > before + 1, "each connection logs in");

    let sockets = tempfile::tempdir().unwrap();
    let directory = sockets.path().display().to_string();
    let shared = connector(&files)
        .reuse(&directory, Duration::from_secs(2))
        .unwrap();
    // sshd allows ten channels at once; each idle connection is one.
    let docker = Docker::with_connector(shared.clone()).with_idle_connections(1);
    docker.version().await.unwrap();
    let before = logins(&files);
    for _ in 0..2 {
        run(&docker, "shared").await;
    }
    let others = (0..3).map(|_| {
        let docker = Docker::with_connector(shared.clone());
        tokio::spawn(async move { docker.version().await.unwrap() })
    });
    for other in others.collect::<Vec<_>>() {
        other.await.unwrap();
    }
    assert_eq!(logins(&files), before, "the first connection is used by all");
    // The shared connection ends by itself.
    drop(docker);
    let gone = async {
        while std::fs::read_dir(sockets.path()).unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test]
#[ignore = "needs SSH_ENGINE and SSH_FILES, as tests/sshd prints them"]
async fn wrong_key_is_reported_in_the_words_of_ssh() {
    let files = PathBuf::from(required("SSH_FILES"));
    let wrong = connector(&files).option("IdentityAgent", "none").unwrap();
    let wrong = wrong.option("PubkeyAuthentication", "no").unwrap();
    let wrong = wrong.option("BatchMode", "yes").unwrap();
    let error = Docker::with_connector(wrong).version().await.unwrap_err();
    assert!(format!("{error:#}").contains("Permission denied"), "{error:#}");
}
