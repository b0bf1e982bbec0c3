//! Environments that have the network of another one.

use std::time::Duration;

use isolation::{
    ComposeFile, ComposeOptions, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, Group,
    Lifetime, NetworkMode, NetworkSpec, Remove, Status,
};

use super::{active, create, manager, sh, spec};
use crate::support::{IMAGE, engines, one_line, until};

fn sharing(other: &Environment) -> EnvironmentSpec {
    EnvironmentSpec {
        network: NetworkSpec {
            mode: NetworkMode::Environment(other.id().to_string()),
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

async fn namespace(environment: &Environment) -> String {
    sh(environment, "readlink /proc/self/ns/net").await
}

#[tokio::test]
async fn environment_has_the_network_of_another() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let vpn = active(&manager, spec()).await;
        let app = active(&manager, sharing(&vpn)).await;
        let alone = active(&manager, spec()).await;
        assert_eq!(namespace(&app).await, namespace(&vpn).await, "{}", subject.name);
        assert_ne!(namespace(&alone).await, namespace(&vpn).await, "{}", subject.name);
        let addresses = "ip -4 -o addr | grep -v ' lo '";
        assert_eq!(
            sh(&app, addresses).await,
            sh(&vpn, addresses).await,
            "{}",
            subject.name
        );
        // A new start of the other one gives both a new network.
        vpn.restart(Duration::ZERO).await.unwrap();
        assert_eq!(app.status(), Status::Running, "{}", subject.name);
        assert_eq!(namespace(&app).await, namespace(&vpn).await, "{}", subject.name);
        assert_eq!(
            sh(&app, addresses).await,
            sh(&vpn, addresses).await,
            "{}",
            subject.name
        );
        app.stop(Duration::ZERO).await.unwrap();
        vpn.stop(Duration::ZERO).await.unwrap();
        let error = app.start().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::WrongStatus,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        vpn.start().await.unwrap();
        app.start().await.unwrap();
        assert_eq!(namespace(&app).await, namespace(&vpn).await, "{}", subject.name);
        let gone = EnvironmentSpec {
            network: NetworkSpec {
                mode: NetworkMode::Environment(EnvironmentId::random().to_string()),
                ..NetworkSpec::default()
            },
            ..spec()
        };
        let error = create(&manager, gone).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        // The other one first: Podman removes it only after those that have its network.
        drop(vpn);
        drop((app, alone));
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// It is refused while others have the network, by this process and by another one, and changes
/// nothing.
#[tokio::test]
async fn removal_before_those_that_have_the_network() {
    for subject in engines() {
        let (one, prefix) = manager(&subject);
        let (other, other_prefix) = manager(&subject);
        let kept = EnvironmentSpec {
            lifetime: Lifetime::Kept,
            ..spec()
        };
        let vpn = active(&one, kept).await;
        let app = active(&one, sharing(&vpn)).await;
        let refused = |error: isolation::Error, by: &Environment| {
            let text = one_line(&error);
            assert_eq!(error.kind(), ErrorKind::Conflict, "{}: {text}", subject.name);
            assert!(text.contains(by.name()), "{}: {text}", subject.name);
            assert_eq!(vpn.status(), Status::Running, "{}", subject.name);
        };
        refused(vpn.destroy().await.unwrap_err(), &app);
        let force = Remove { force: true };
        refused(one.remove(vpn.id().as_str(), force).await.unwrap_err(), &app);
        assert_eq!(sh(&vpn, "echo here").await, "here", "{}", subject.name);
        app.destroy().await.unwrap();
        // This process does not know of that one; the daemon does.
        let unknown = active(&other, sharing(&vpn)).await;
        refused(vpn.destroy().await.unwrap_err(), &unknown);
        assert_eq!(sh(&vpn, "echo here").await, "here", "{}", subject.name);
        unknown.destroy().await.unwrap();
        vpn.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        subject.until_nothing_is_left(&other_prefix).await;
    }
}

const COMPOSE: &str = r"
services:
  app:
    image: ${IMAGE}
    command: sleep 100000
    network_mode: service:web
  web:
    image: ${IMAGE}
    command: httpd -f -p 80 -h /etc
  other:
    image: ${IMAGE}
    command: sleep 100000
";

async fn reads(group: &Group, service: &str, address: &str) -> String {
    let line = format!("wget -qO- http://{address}/passwd | head -n 1 | cut -d: -f1");
    let mut read = String::new();
    until(&format!("{service} reads from {address}"), async || {
        read = sh(group.get(service).unwrap(), &line).await;
        !read.is_empty()
    })
    .await;
    read
}

#[tokio::test]
async fn service_has_the_network_of_another_service() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("compose.yaml");
        std::fs::write(&file, COMPOSE).unwrap();
        let options = ComposeOptions {
            name: Some("joined".to_owned()),
            variables: [("IMAGE", IMAGE)].into(),
            ..ComposeOptions::default()
        };
        let spec = ComposeFile::read(&file, &options).unwrap().group;
        let group = manager.up(&EngineChoice::Auto, spec).await;
        let group = group.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        // The service is at 127.0.0.1 of the one, and has its own name for the other one.
        assert_eq!(
            reads(&group, "app", "127.0.0.1").await,
            "root",
            "{}",
            subject.name
        );
        assert_eq!(reads(&group, "other", "web").await, "root", "{}", subject.name);
        group.get("web").unwrap().restart(Duration::ZERO).await.unwrap();
        assert_eq!(
            reads(&group, "app", "127.0.0.1").await,
            "root",
            "{}",
            subject.name
        );
        group.down(Duration::ZERO).await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
