//! How environments are reached: by their names, at a port after a restart; and what an internal
//! network does not reach.

use std::sync::Arc;
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use engine_api::containers::{CreateContainer, HostConfig, RemoveContainer, StartContainer};
use isolation::engines::docker::{DockerEngine, NetworkOptions};
use isolation::{
    Command, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, Main, Mount, NetworkMode, NetworkSpec,
    PublishedPort, WaitFor,
};

use super::{active, engine, manager, manager_of, sh, spec};
use crate::support::{IMAGE, Subject, engines, one_line, until};

const WEB: &str = "mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www";

fn server(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell(WEB)),
        ready: Some(WaitFor::Port(80).into()),
        network,
        ..spec()
    }
}

/// Whether an environment reaches the service of the machine.
async fn gets(from: &Environment, address: &str, port: u16) -> bool {
    let connect = Command::shell(format!("nc -w 2 {address} {port} </dev/null"));
    from.run(connect).await.unwrap().stdout_text().contains("hello")
}

#[tokio::test]
async fn environment_is_reached_by_its_name() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let network = engine.networks().create(NetworkOptions::default()).await.unwrap();
        let on_daemon = network.info().on_daemon.clone();
        let manager = manager_of(engine);
        let on_network = || NetworkSpec {
            mode: NetworkMode::Named(on_daemon.clone()),
            ..NetworkSpec::default()
        };
        let web = EnvironmentSpec {
            name: Some("web".to_owned()),
            ..server(on_network())
        };
        let web = active(&manager, web).await;
        let client = EnvironmentSpec {
            network: on_network(),
            ..spec()
        };
        let client = active(&manager, client).await;
        assert_eq!(
            sh(&client, "wget -q -O- http://web/").await,
            "page",
            "{}",
            subject.name
        );
        client.destroy().await.unwrap();
        web.destroy().await.unwrap();
        network.remove().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn endpoint_before_a_restart_is_an_error() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let port = PublishedPort {
            address: Some(subject.host()),
            ..80.into()
        };
        let network = NetworkSpec {
            ports: vec![port],
            ..NetworkSpec::default()
        };
        let environment = active(&manager, server(network)).await;
        let before = environment.endpoint(80).await.unwrap();
        environment.connect(&before).await.unwrap();
        environment.stop(Duration::ZERO).await.unwrap();
        let error = environment.connect(&before).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::WrongStatus,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        environment.start().await.unwrap();
        let now = environment.endpoint(80).await.unwrap();
        environment.connect(&now).await.unwrap();
        // Podman chooses a port once, and any daemon may choose the same one again.
        if now != before {
            let error = environment.connect(&before).await.unwrap_err();
            let text = one_line(&error);
            assert_eq!(error.kind(), ErrorKind::Conflict, "{}: {text}", subject.name);
            assert!(
                text.contains(&format!("now at {now}")),
                "{}: {text}",
                subject.name
            );
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Starts a service on the machine of the daemon, at all its addresses. Returns its container.
async fn service_of_the_machine(subject: &Subject, prefix: &str, port: u16) -> String {
    let body = CreateContainer {
        name: Some(format!("{prefix}machine")),
        image: IMAGE.to_owned(),
        cmd: ["nc", "-ll", "-p", &port.to_string(), "-e", "echo", "hello"].into(),
        host_config: HostConfig {
            network_mode: "host".to_owned(),
            init: Some(true),
            ..HostConfig::default()
        },
        ..CreateContainer::default()
    };
    let containers = subject.docker.containers();
    let id = containers.create(body).await.unwrap().id;
    containers.start(&id, StartContainer::default()).await.unwrap();
    id
}

#[tokio::test]
async fn internal_network_does_not_reach_the_machine() {
    for subject in engines() {
        let version = subject.docker.version().await.unwrap();
        if version < engine_api::Version::new(1, 48) || subject.docker.is_podman() != Some(false) {
            // The warning of such a daemon is tested on the fake engine.
            continue;
        }
        let (manager, prefix) = manager(&subject);
        let random = EnvironmentId::random().as_str()[..4].to_owned();
        let port = 20_000 + u16::from_str_radix(&random, 16).unwrap() % 20_000;
        let machine = service_of_the_machine(&subject, &prefix, port).await;
        let open = active(&manager, spec()).await;
        let gateway = sh(&open, "ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'").await;
        until(&gateway, async || gets(&open, &gateway, port).await).await;
        let internal = NetworkSpec {
            mode: NetworkMode::Private,
            internal: true,
            ..NetworkSpec::default()
        };
        let closed = EnvironmentSpec {
            network: internal,
            ..spec()
        };
        let closed = active(&manager, closed).await;
        let joined = closed.networks().await.unwrap().remove(0);
        let own = joined.addresses[0].to_string();
        // The address that the bridge of the network would have.
        let (net, _) = own.rsplit_once('.').unwrap();
        for address in [gateway, format!("{net}.1")] {
            assert!(
                !gets(&closed, &address, port).await,
                "{}: {address}:{port}",
                subject.name
            );
        }
        closed.destroy().await.unwrap();
        open.destroy().await.unwrap();
        let force = RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        };
        subject.docker.containers().remove(&machine, force).await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The daemon, as if it were on another machine.
#[derive(Debug)]
struct Far(Arc<dyn Connector>);

impl Connector for Far {
    fn connect(&self) -> Connecting<'_> {
        self.0.connect()
    }

    fn address(&self) -> String {
        "tcp://docker.test:2375".to_owned()
    }
}

#[tokio::test]
async fn mount_of_a_far_daemon_has_the_same_files() {
    for subject in engines() {
        let (_, prefix) = engine(&subject);
        let docker = Docker::with_connector(Far(subject.connector()));
        let manager = manager_of(DockerEngine::new(docker).with_prefix(&prefix).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let (full, empty) = (directory.path().join("full"), directory.path().join("empty"));
        std::fs::create_dir(&full).unwrap();
        std::fs::create_dir(&empty).unwrap();
        std::fs::write(full.join("file"), "content").unwrap();
        let mounts = vec![
            Mount::host(&full, "/full"),
            Mount::host(&empty, "/empty"),
            Mount::host(full.join("file"), "/etc/one-file"),
        ];
        let environment = active(&manager, EnvironmentSpec { mounts, ..spec() }).await;
        let seen = sh(&environment, "cat /full/file /etc/one-file; ls -a /empty | wc -l").await;
        assert_eq!(seen, "contentcontent2", "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
