//! Published ports of engines on other machines.

use engine_api::Docker;
use engine_api::connect::{BoxStream, Connecting, Connector};
use fake_engine::scripted::{ScriptedEngine, ok};

/// An engine that pretends to be at an address.
#[derive(Debug)]
struct At(&'static str, ScriptedEngine);

impl Connector for At {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async { self.1.connect().await.map(|stream| stream as BoxStream) })
    }

    fn address(&self) -> String {
        self.0.to_owned()
    }
}

const CONTAINER: &str = r#"{"NetworkSettings":{"Ports":{
    "80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8081"}],
    "81/tcp":[{"HostIp":"192.0.2.7","HostPort":"8082"}],
    "82/tcp":[{"HostIp":"127.0.0.1","HostPort":"8083"}]}}}"#;

#[tokio::test(start_paused = true)]
async fn endpoint_follows_the_address_of_the_engine() {
    for (address, everywhere, v6, loopback) in [
        ("unix:///run/d.sock", "127.0.0.1:8080", "[::1]:8081", true),
        (
            "npipe:////./pipe/docker_engine",
            "127.0.0.1:8080",
            "[::1]:8081",
            true,
        ),
        ("test://fake", "127.0.0.1:8080", "[::1]:8081", true),
        ("tcp://localhost:2375", "localhost:8080", "localhost:8081", true),
        ("tcp://127.0.0.1:2375", "127.0.0.1:8080", "", true),
        (
            "tcp://build-host:2375/base",
            "build-host:8080",
            "build-host:8081",
            false,
        ),
        (
            "https://build-host:2376",
            "build-host:8080",
            "build-host:8081",
            false,
        ),
        (
            "ssh://me@build-host:22/run/d.sock",
            "build-host:8080",
            "build-host:8081",
            false,
        ),
        ("ssh://alias", "alias:8080", "alias:8081", false),
        ("npipe:////box/pipe/docker_engine", "box:8080", "box:8081", false),
        ("tcp://192.0.2.1:2375", "192.0.2.1:8080", "", false),
        (
            "tcp://[2001:db8::1]:2375",
            "[2001:db8::1]:8081",
            "[2001:db8::1]:8081",
            false,
        ),
    ] {
        let fake = ScriptedEngine::answering(|_| ok(CONTAINER));
        let docker = Docker::with_connector(At(address, fake)).with_version("1.51".parse().unwrap());
        let container = docker
            .containers()
            .inspect("web", Default::default())
            .await
            .unwrap();
        let shown = |endpoint: Option<engine_api::containers::HostPort>| {
            endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default()
        };
        assert_eq!(shown(container.endpoint(80)), everywhere, "{address}");
        assert_eq!(shown(container.endpoint_v6(80)), v6, "{address}");
        assert_eq!(container.endpoint(82).is_some(), loopback, "{address}");
        assert_eq!(container.endpoint(83), None);
        assert_eq!(shown(container.endpoint(81)), "192.0.2.7:8082", "{address}");
    }
}
