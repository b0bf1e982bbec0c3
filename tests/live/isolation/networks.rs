//! Networks: their subnets, who is on them, and partitions.

use engine_api::Docker;
use engine_api::networks::{CreateNetwork, IpamConfig};
use isolation::engines::docker::{DockerEngine, DockerSettings, NetworkOptions};
use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, Lifetime, NetworkMode, NetworkSpec, WaitFor,
};

use super::{active, create, engine, manager, manager_of, sh, spec};
use crate::support::{Subject, engines, one_line};

/// An engine with prefixes of its own, and a preferred subnet.
fn preferring(subject: &Subject, subnet: &str) -> (DockerEngine, String) {
    let (engine, prefix) = engine(subject);
    let settings = DockerSettings {
        network_prefix: prefix.clone(),
        volume_prefix: prefix.clone(),
        network_subnet: Some(subnet.parse().unwrap()),
        ..engine.settings().clone()
    };
    (engine.with_settings(settings).unwrap(), prefix)
}

async fn networks(docker: &Docker, prefix: &str) -> Vec<String> {
    let listed = docker.networks().list(Default::default()).await.unwrap();
    let names = listed.into_iter().map(|network| network.name);
    names.filter(|name| name.starts_with(prefix)).collect()
}

fn with_network(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec { network, ..spec() }
}

fn on_network(name: &str, alias: &str) -> EnvironmentSpec {
    with_network(NetworkSpec {
        mode: NetworkMode::Named(name.to_owned()),
        aliases: vec![alias.to_owned()],
        ..NetworkSpec::default()
    })
}

/// Whether one environment reaches another by a name.
async fn reaches(from: &Environment, name: &str) -> bool {
    let connect = Command::shell(format!("nc -w 2 {name} 8000 </dev/null"));
    let output = from.run(connect).await.unwrap();
    output.stdout_text().contains("hello")
}

fn server(mut spec: EnvironmentSpec) -> EnvironmentSpec {
    let serve = Command::shell("exec nc -ll -p 8000 -e echo hello");
    spec.main = isolation::Main::Command(serve);
    spec.ready = Some(WaitFor::Port(8000).into());
    spec
}

#[tokio::test]
async fn networks_get_parts_of_the_preferred_subnet() {
    for subject in engines() {
        let (engine, prefix) = preferring(&subject, "10.231.0.0/22");
        let mut all = Vec::new();
        for _ in 0..4 {
            let network = engine.networks().create(NetworkOptions::default()).await.unwrap();
            assert_eq!(network.outside_preference(), None, "{}", subject.name);
            all.push(network);
        }
        let mut subnets: Vec<_> = all.iter().map(|one| one.info().subnets[0].clone()).collect();
        subnets.sort();
        let parts = ["10.231.0.0/24", "10.231.1.0/24", "10.231.2.0/24", "10.231.3.0/24"];
        assert_eq!(subnets, parts, "{}", subject.name);
        // The range is used up.
        let other = engine.networks().create(NetworkOptions::default()).await.unwrap();
        assert!(other.outside_preference().unwrap().contains("10.231.0.0/22"));
        all.push(other);
        for network in all {
            network.remove().await.unwrap();
        }
        assert_eq!(
            networks(&subject.docker, &prefix).await,
            [""; 0],
            "{}",
            subject.name
        );
    }
}

#[tokio::test]
async fn session_starts_beside_strange_networks() {
    for subject in engines() {
        let (engine, prefix) = preferring(&subject, "10.232.0.0/16");
        let strange = format!("{prefix}strange");
        for part in [0, 64, 128, 192] {
            let mut network = CreateNetwork {
                name: format!("{strange}{part}"),
                ..CreateNetwork::default()
            };
            network.ipam.config.push(IpamConfig {
                subnet: format!("10.232.{part}.0/18"),
                ..IpamConfig::default()
            });
            subject.docker.networks().create(network).await.unwrap();
        }
        let manager = manager_of(engine);
        let environment = active(
            &manager,
            with_network(NetworkSpec {
                mode: NetworkMode::Private,
                ..NetworkSpec::default()
            }),
        )
        .await;
        assert_eq!(environment.networks().await.unwrap().len(), 1);
        environment.destroy().await.unwrap();
        for name in networks(&subject.docker, &strange).await {
            subject.docker.networks().remove(&name).await.unwrap();
        }
        assert_eq!(
            networks(&subject.docker, &prefix).await,
            [""; 0],
            "{}",
            subject.name
        );
    }
}

#[tokio::test]
async fn partition_ends_with_the_same_names_and_addresses() {
    for subject in engines() {
        let (engine, prefix) = preferring(&subject, "10.233.0.0/16");
        let kept = NetworkOptions {
            name: Some("größe".into()),
            lifetime: Lifetime::Kept,
            ..NetworkOptions::default()
        };
        let network = engine.networks().create(kept).await.unwrap().info().clone();
        let second = engine.networks().create(NetworkOptions::default()).await.unwrap();
        let manager = manager_of(engine);
        let mut web = server(on_network(&network.id, "web"));
        web.network.join = vec![second.on_daemon().to_owned()];
        let web = active(&manager, web).await;
        let client = active(&manager, on_network(&network.on_daemon, "client")).await;
        assert!(reaches(&client, "web").await, "{}", subject.name);
        let (before, mut route) = (web.networks().await.unwrap(), gateway(&web).await);
        assert_eq!(before.len(), 2, "{}: {before:?}", subject.name);
        for network in [&network.on_daemon, second.on_daemon()] {
            web.disconnect_network(network).await.unwrap();
            web.connect_network(network, &[]).await.unwrap();
            assert_eq!(web.networks().await.unwrap(), before, "{}", subject.name);
            let mut after = gateway(&web).await;
            if subject.docker.is_podman() == Some(true) {
                // It has a default route for each network, in the order of the connections.
                (route, after) = (sorted(&route), sorted(&after));
            }
            assert_eq!(after, route, "{}: {network}", subject.name);
        }
        assert!(reaches(&client, "web").await, "{}", subject.name);
        client.disconnect_network(&network.on_daemon).await.unwrap();
        assert!(!reaches(&client, "web").await, "{}", subject.name);
        // A process that did not disconnect it knows the aliases of the specification.
        let opened = manager.open(client.id().as_str()).await.unwrap();
        opened.connect_network(&network.on_daemon, &[]).await.unwrap();
        assert!(reaches(&client, "web").await, "{}", subject.name);
        let taken = create(&manager, on_network(&network.on_daemon, "web"))
            .await
            .unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Conflict, "{}", one_line(&taken));
        manager.shutdown().await.unwrap();
        second.remove().await.unwrap();
        let (engine, _) = super::engine(&subject);
        engine.networks().remove(&network.id).await.unwrap();
        assert_eq!(
            networks(&subject.docker, &prefix).await,
            [""; 0],
            "{}",
            subject.name
        );
    }
}

fn sorted(lines: &str) -> String {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The default gateway, as the kernel inside knows it.
async fn gateway(environment: &Environment) -> String {
    sh(
        environment,
        "while read a to via rest; do [ $to = 00000000 ] && echo $via; done </proc/net/route; true",
    )
    .await
}

#[tokio::test]
async fn names_and_dns_servers_are_inside() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(
            &manager,
            with_network(NetworkSpec {
                dns: vec!["10.9.9.9".parse().unwrap()],
                dns_search: vec!["test.internal".into()],
                hosts: [("db".to_owned(), "10.0.0.7".parse().unwrap())].into(),
                ..NetworkSpec::default()
            }),
        )
        .await;
        let resolver = sh(&environment, "cat /etc/resolv.conf").await;
        assert!(
            resolver.contains("10.9.9.9") && resolver.contains("test.internal"),
            "{resolver}"
        );
        assert!(sh(&environment, "cat /etc/hosts").await.contains("10.0.0.7"));
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn internal_network_is_sealed_and_ipv6_has_addresses() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(
            &manager,
            with_network(NetworkSpec {
                mode: NetworkMode::Private,
                internal: true,
                ipv6: true,
                ..NetworkSpec::default()
            }),
        )
        .await;
        let joined = environment.networks().await.unwrap();
        let v6 = joined[0].addresses.iter().filter(|address| address.is_ipv6());
        assert_eq!(v6.count(), 1, "{}: {joined:?}", subject.name);
        let version = subject.docker.version().await.unwrap();
        let sealed = version >= engine_api::Version::new(1, 48) && subject.docker.is_podman() != Some(true);
        let network = subject
            .docker
            .networks()
            .inspect(&joined[0].network, Default::default())
            .await
            .unwrap();
        assert!(network.internal);
        let mode = network.options.get("com.docker.network.bridge.gateway_mode_ipv4");
        assert_eq!(
            mode.map(String::as_str),
            sealed.then_some("isolated"),
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
