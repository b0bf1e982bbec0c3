//! Services of a compose file: their networks, their terminals, names that the file chooses.

use std::path::Path;
use std::time::Duration;

use engine_api::containers::{Container, InspectContainer};
use isolation::engines::docker::DockerSettings;
use isolation::{
    ComposeFile, ComposeOptions, EngineChoice, Environment, EnvironmentId, ErrorKind, GroupSpec, Lifetime,
    Manager, Status,
};

use super::{engine, manager_of, sh};
use crate::support::{IMAGE, Subject, engines, one_line};

const COMPOSE: &str = r#"
networks: {own: {name: "${UNIQUE}-net"}}
volumes: {data: {name: "${UNIQUE}-data"}}
services:
  shell:
    image: ${IMAGE}
    command: sh
    tty: true
    stdin_open: true
    networks: [own]
    volumes: ["data:/data"]
  open:
    image: ${IMAGE}
    command: cat
    stdin_open: true
    stop_grace_period: 1m30s
    stop_signal: SIGINT
    networks: [own]
  of_host:
    image: ${IMAGE}
    command: sleep 100000
    network_mode: host
  on_bridge:
    image: ${IMAGE}
    command: sleep 100000
    network_mode: bridge
"#;

fn compose(directory: &Path, name: &str, unique: &str) -> GroupSpec {
    let file = directory.join("compose.yaml");
    std::fs::write(&file, COMPOSE).unwrap();
    let options = ComposeOptions {
        name: Some(name.to_owned()),
        variables: [("IMAGE", IMAGE), ("UNIQUE", unique)].into(),
        ..ComposeOptions::default()
    };
    ComposeFile::read(&file, &options).unwrap().group
}

fn manager(subject: &Subject) -> (Manager, String) {
    let (engine, prefix) = engine(subject);
    let settings = DockerSettings {
        volume_prefix: prefix.clone(),
        ..engine.settings().clone()
    };
    (manager_of(engine.with_settings(settings).unwrap()), prefix)
}

async fn inspect(subject: &Subject, environment: &Environment) -> Container {
    let name = environment.inspect().await.unwrap().details["container"].clone();
    let containers = subject.docker.containers();
    let inspected = containers.inspect(&name, InspectContainer::default()).await;
    inspected.unwrap()
}

#[tokio::test]
async fn service_has_what_its_compose_file_says() {
    for subject in engines() {
        let directory = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject);
        let unique = format!("compose-{}", EnvironmentId::random().short());
        let mut spec = compose(directory.path(), "told", &unique);
        for service in spec.services.values_mut() {
            service.environment.lifetime = Lifetime::Kept;
        }
        let group = manager.up(&EngineChoice::Auto, spec.clone()).await;
        let group = group.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let one = |name: &str| group.get(name).unwrap();
        // Without an open input, both programs would have ended at once.
        for name in ["shell", "open"] {
            let state = one(name).inspect().await.unwrap();
            assert_eq!(state.status, Status::Running, "{}: {name}", subject.name);
        }
        let input = sh(one("shell"), "readlink /proc/1/fd/0").await;
        assert!(input.starts_with("/dev/pts/"), "{}: {input}", subject.name);
        let open = inspect(&subject, one("open")).await;
        assert!(!open.config.tty, "{}", subject.name);
        assert_eq!(open.config.stop_timeout, Some(90), "{}", subject.name);
        // Others find the network and the volume by these names.
        let networks = inspect(&subject, one("shell")).await.network_settings.networks;
        let own = format!("{unique}-net");
        assert!(networks.contains_key(&own), "{}: {networks:?}", subject.name);
        assert_eq!(
            sh(one("shell"), "nslookup open >/dev/null && echo known").await,
            "known"
        );
        let data = format!("{unique}-data");
        subject.docker.volumes().inspect(&data).await.unwrap();
        sh(one("shell"), "echo 1 >/data/x").await;
        let of_host = inspect(&subject, one("of_host")).await;
        assert_eq!(of_host.host_config.network_mode, "host", "{}", subject.name);
        let on_bridge = inspect(&subject, one("on_bridge"))
            .await
            .network_settings
            .networks;
        let names: Vec<&String> = on_bridge.keys().collect();
        assert!(
            names == ["bridge"] || names == ["podman"],
            "{}: {names:?}",
            subject.name
        );
        let space = "readlink /proc/self/ns/net";
        assert_ne!(sh(one("of_host"), space).await, sh(one("on_bridge"), space).await);
        // A second group with the same names takes nothing from the first one.
        let other = compose(directory.path(), "other", &unique);
        let error = manager.up(&EngineChoice::Auto, other).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Conflict,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        assert_eq!(sh(one("shell"), "cat /data/x").await, "1", "{}", subject.name);
        group.down(Duration::ZERO).await.unwrap();
        // The volume is that of the next group of this name.
        let again = manager.up(&EngineChoice::Auto, spec).await;
        let again = again.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(sh(again.get("shell").unwrap(), "cat /data/x").await, "1");
        again.down(Duration::ZERO).await.unwrap();
        assert_eq!(manager.remove_group_volumes("told").await.unwrap(), [data]);
        subject.until_nothing_is_left(&prefix).await;
        let left = subject.docker.networks().inspect(&own, Default::default()).await;
        assert!(left.unwrap_err().is_not_found(), "{}", subject.name);
    }
}
