//! Published ports, which this process forwards to the loopback interface of the environment.

use std::time::Duration;

use isolation::engines::sandbox::SandboxOptions;
use isolation::{Command, Environment, EnvironmentSpec, ErrorKind, Lifetime, Main, Status, WaitFor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Fixture, as_ordinary_user, manager, printed, sh};

/// How long a busy machine may take.
const LONG: Duration = Duration::from_secs(60);

/// Answers each connection with what it has received, after the end of the input.
const SERVER: &str = "import socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b'got ' + self.rfile.read())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
Server(('127.0.0.1', 8080), Answer).serve_forever()";

fn spec() -> EnvironmentSpec {
    let mut spec = EnvironmentSpec {
        main: Main::Command(Command::new(["python3", "-c", SERVER])),
        ready: Some(WaitFor::Port(8080).into()),
        ..EnvironmentSpec::default()
    };
    spec.network.ports = vec![8080.into()];
    spec
}

/// Whether this machine has the program of the server.
async fn has_python(fixture: &Fixture) -> bool {
    let environment = fixture.environment().await;
    let found = sh(&environment, "command -v python3").await.exit.success();
    environment.destroy().await.unwrap();
    if !found {
        eprintln!("skipped: this machine has no python3");
    }
    found
}

/// Sends a text, ends the input, and returns the answer.
async fn answer(environment: &Environment, text: String) -> std::io::Result<String> {
    let at = environment.endpoint(8080).await.unwrap();
    assert!(at.forwarded, "{at:?}");
    let mut stream = TcpStream::connect((at.host.as_str(), at.host_port)).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_port_is_forwarded_while_it_runs() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    if !has_python(&fixture).await {
        return;
    }
    let environment = fixture.create(spec()).await.unwrap();
    assert_eq!(answer(&environment, "one".into()).await.unwrap(), "got one");
    let listed = fixture.manager.registry().list().await.0.remove(0);
    assert_eq!(listed.ports, ["8080/tcp"]);
    let many = (0..100).map(|n| {
        let environment = environment.clone();
        tokio::spawn(async move {
            let text = format!("{n} {}", "x".repeat(10_000));
            assert_eq!(
                answer(&environment, text.clone()).await.unwrap(),
                format!("got {text}")
            );
        })
    });
    for one in many.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let before = environment.endpoint(8080).await.unwrap();
    environment.stop(Duration::ZERO).await.unwrap();
    assert!(environment.endpoints().await.unwrap().is_empty());
    environment.start().await.unwrap();
    environment.wait_until(&WaitFor::Port(8080), LONG).await.unwrap();
    assert_eq!(answer(&environment, "again".into()).await.unwrap(), "got again");
    let after = environment.endpoint(8080).await.unwrap();
    environment.destroy().await.unwrap();
    // Nothing listens any more, neither the first time nor the second.
    for at in [before, after] {
        let until_refused = async {
            while TcpStream::connect((at.host.as_str(), at.host_port)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, until_refused).await.unwrap();
    }
    assert_eq!(fixture.left(), 0);
}

#[test]
fn published_port_as_an_ordinary_user() {
    as_ordinary_user("ports::published_port_is_forwarded_while_it_runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_port_of_another_process_is_forwarded() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    if !has_python(&fixture).await {
        return;
    }
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let created = fixture.create(kept).await.unwrap();
    let other = manager(fixture.base.path());
    let opened = other.open(created.id().as_str()).await.unwrap();
    assert_eq!(answer(&opened, "other".into()).await.unwrap(), "got other");
    assert_ne!(
        opened.endpoint(8080).await.unwrap().host_port,
        created.endpoint(8080).await.unwrap().host_port
    );
    opened.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn port_with_the_network_of_the_machine_is_its_own() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut spec = EnvironmentSpec::default();
    SandboxOptions { host_network: true }.add_to(&mut spec);
    spec.network.ports = vec![8080.into()];
    let environment = fixture.create(spec.clone()).await.unwrap();
    let at = environment.endpoint(8080).await.unwrap();
    assert_eq!((at.to_string().as_str(), at.forwarded), ("127.0.0.1:8080", false));
    assert_eq!(printed(&environment, "echo beside").await, "beside");
    environment.stop(Duration::ZERO).await.unwrap();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Stopped);
    assert!(environment.endpoints().await.unwrap().is_empty());
    environment.destroy().await.unwrap();
    spec.network.ports = vec!["9090:8080".parse().unwrap()];
    let error = fixture.create(spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fixture.left(), 0, "something is left");
}
