//! Services of this machine inside environments, and ports of internal networks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, Input, Main, NetworkMode, NetworkSpec, WaitFor,
};

use super::{active, image_without_a_shell, manager, remove_image, sh, spec};
use crate::support::{LONG, engines, one_line};

/// A service of this machine: replies to each connection with a greeting and what it has received.
/// A client with `-` in its text gets only the number of bytes.
fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut first = vec![0; 1 << 16];
                let count = stream.read(&mut first).unwrap_or(0);
                let _ = stream.write_all(b"hello ");
                let _ = stream.write_all(&first[..count]);
            });
        }
    });
    port
}

fn with_network(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec { network, ..spec() }
}

fn internal() -> NetworkSpec {
    NetworkSpec {
        mode: NetworkMode::Private,
        internal: true,
        ..NetworkSpec::default()
    }
}

async fn ask(environment: &Environment, port: u16, text: &str) -> String {
    sh(environment, &format!("echo {text} | nc -w 120 127.0.0.1 {port}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_of_this_machine_is_reached() {
    let port = service();
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let none = NetworkSpec {
            mode: NetworkMode::None,
            ..NetworkSpec::default()
        };
        for network in [NetworkSpec::default(), none, internal()] {
            let network = NetworkSpec {
                expose_host: vec![port],
                ..network
            };
            let environment = active(&manager, with_network(network)).await;
            assert_eq!(
                ask(&environment, port, "one").await,
                "hello one",
                "{}",
                subject.name
            );
            let several = (0..8).map(|number| {
                let environment = environment.clone();
                tokio::spawn(async move {
                    let text = format!("text{number}");
                    assert_eq!(ask(&environment, port, &text).await, format!("hello {text}"));
                })
            });
            for one in several.collect::<Vec<_>>() {
                one.await.unwrap();
            }
            environment.restart(Duration::ZERO).await.unwrap();
            assert_eq!(
                ask(&environment, port, "two").await,
                "hello two",
                "{}",
                subject.name
            );
            environment.destroy().await.unwrap();
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn port_that_is_used_inside_is_a_conflict() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let used = environment
            .execute(Command::shell("nc -ll -p 7777 -e true"))
            .await
            .unwrap();
        environment.wait_until(&WaitFor::Port(7777), LONG).await.unwrap();
        let conflict = environment.expose_host(7777).await.unwrap_err();
        assert_eq!(
            conflict.kind(),
            ErrorKind::Conflict,
            "{}: {}",
            subject.name,
            one_line(&conflict)
        );
        drop(used);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The client keeps its direction open while it waits for the reply.
#[tokio::test]
async fn http_request_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), Vec::new());
            while !request.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 512];
                let count = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..count]);
            }
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\npage").unwrap();
        }
    });
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let inside = environment.expose_host(port).await.unwrap();
        let fetch = Command {
            timeout: Some(LONG),
            ..Command::shell(format!("wget -q -O - http://{inside}/"))
        };
        let output = environment.run(fetch).await.unwrap();
        assert_eq!(output.stdout_text(), "page", "{}: {}", subject.name, output.exit);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn main_process_with_streams_reaches_the_service() {
    let port = service();
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        // It may start before the port is exposed.
        let ask = format!("until echo main | nc -w 120 127.0.0.1 {port}; do sleep 0.1; done");
        let spec = EnvironmentSpec {
            main: Main::Command(Command::shell(ask)),
            ..with_network(NetworkSpec {
                expose_host: vec![port],
                ..NetworkSpec::default()
            })
        };
        let selection = manager
            .select(&isolation::EngineChoice::Auto, &spec)
            .await
            .unwrap();
        let environment = manager.create_unstarted(&selection, spec).await.unwrap();
        let output = environment
            .start_attached()
            .await
            .unwrap()
            .output()
            .await
            .unwrap();
        assert_eq!(output.stdout_text(), "hello main\n", "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn ports_of_an_internal_network_are_forwarded() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        subject.docker.version().await.unwrap();
        // Podman publishes ports of internal networks itself, on the engine's machine.
        let forwards = subject.docker.is_podman() != Some(true);
        let port = isolation::PublishedPort {
            address: (!forwards).then(|| subject.host()),
            ..80.into()
        };
        let serve = "mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www";
        let spec = EnvironmentSpec {
            main: Main::Command(Command::shell(serve)),
            ready: Some(WaitFor::Port(80).into()),
            ..with_network(NetworkSpec {
                ports: vec![port],
                ..internal()
            })
        };
        let environment = active(&manager, spec).await;
        let at = environment.endpoint(80).await.unwrap();
        assert_eq!(at.forwarded, forwards, "{}", subject.name);
        if forwards {
            for _ in 0..3 {
                let page = tokio::task::spawn_blocking({
                    let at = at.clone();
                    move || get(&at)
                });
                assert!(page.await.unwrap().ends_with("page\n"), "{}", subject.name);
            }
            environment.restart(Duration::ZERO).await.unwrap();
            let stale = environment.connect(&at).await;
            let now = environment.endpoint(80).await.unwrap();
            if now.host_port != at.host_port {
                let stale = stale.unwrap_err();
                assert!(
                    one_line(&stale).contains(&now.to_string()),
                    "{}",
                    one_line(&stale)
                );
            }
            environment.connect(&now).await.unwrap();
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

fn get(at: &isolation::Endpoint) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// The programs of a BusyBox of this machine are copied in: the image has no shell.
#[tokio::test]
async fn relays_of_an_image_without_a_shell() {
    let port = service();
    for subject in engines() {
        let image = image_without_a_shell(&subject).await;
        let (manager, prefix) = manager(&subject);
        subject.docker.version().await.unwrap();
        let forwards = subject.docker.is_podman() != Some(true);
        let serve = ["nc", "-ll", "-p", "80", "-e", "echo", "page"];
        let spec = EnvironmentSpec {
            image: Some(image.clone()),
            main: Main::Command(Command::new(serve)),
            ..with_network(NetworkSpec {
                ports: if forwards { vec![80.into()] } else { Vec::new() },
                expose_host: vec![port],
                ..internal()
            })
        };
        let environment = active(&manager, spec).await;
        for text in ["one", "two"] {
            let ask = Command {
                input: Input::Bytes(text.into()),
                timeout: Some(LONG),
                ..Command::new(["nc", "127.0.0.1", &port.to_string()])
            };
            let reply = environment.run(ask).await.unwrap();
            assert_eq!(
                reply.stdout_text(),
                format!("hello {text}"),
                "{}: {}",
                subject.name,
                reply.stderr_text()
            );
        }
        if forwards {
            let at = environment.endpoint(80).await.unwrap();
            assert!(at.forwarded, "{}", subject.name);
            let page = tokio::task::spawn_blocking(move || {
                let mut reply = String::new();
                // The server may not listen yet: then the connection has no reply.
                while reply.is_empty() {
                    let mut stream = TcpStream::connect(&at).unwrap();
                    stream.read_to_string(&mut reply).unwrap();
                }
                reply
            });
            assert_eq!(page.await.unwrap(), "page\n", "{}", subject.name);
        }
        environment.destroy().await.unwrap();
        remove_image(&subject, &image).await;
        subject.until_nothing_is_left(&prefix).await;
    }
}

const MIB: usize = 1 << 20;

/// A relay is at least half as fast as the output of a plain command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; the machine must have nothing else to do"]
async fn speed_of_relays_is_that_of_streams() {
    let size = 64 * MIB;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let piece = vec![7; MIB];
                for _ in 0..64 {
                    stream.write_all(&piece).unwrap();
                }
            });
        }
    });
    for subject in engines() {
        let (manager, _) = manager(&subject);
        subject.docker.version().await.unwrap();
        // Podman publishes the port itself, on the engine's machine.
        let publishes = subject.docker.is_podman() == Some(true);
        let published = isolation::PublishedPort {
            address: publishes.then(|| subject.host()),
            ..9000.into()
        };
        let serve = format!("exec nc -ll -p 9000 -e head -c {size} /dev/zero");
        let environment = active(
            &manager,
            EnvironmentSpec {
                main: Main::Command(Command::shell(serve)),
                ..with_network(NetworkSpec {
                    ports: vec![published],
                    ..internal()
                })
            },
        )
        .await;
        environment.expose_host(port).await.unwrap();
        let rate = |since: Instant| 64.0 / since.elapsed().as_secs_f64();
        let since = Instant::now();
        let plain = Command {
            input: Input::Piped,
            ..Command::new(["head", "-c", &size.to_string(), "/dev/zero"])
        };
        let output = environment.run(plain).await.unwrap();
        assert_eq!(output.stdout.len(), size);
        let out = rate(since);
        let since = Instant::now();
        let received = sh(&environment, &format!("nc 127.0.0.1 {port} </dev/null | wc -c")).await;
        let exposed = rate(since);
        assert_eq!(received, size.to_string(), "{}", subject.name);
        let since = Instant::now();
        let mut execution = environment
            .execute(Command {
                input: Input::Bytes(vec![7; size].into()),
                ..Command::shell("wc -c")
            })
            .await
            .unwrap();
        assert!(execution.wait().await.unwrap().success());
        let input = rate(since);
        let at = environment.endpoint(9000).await.unwrap();
        let since = Instant::now();
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            TcpStream::connect(&at).unwrap().read_to_end(&mut all).unwrap();
            all.len()
        });
        assert_eq!(reading.await.unwrap(), size, "{}", subject.name);
        let forwarded = rate(since);
        println!(
            "{}: MiB/s: command out {out:.0}, in {input:.0}; expose_host {exposed:.0}, forwarder {forwarded:.0}",
            subject.name
        );
        // Half is the aim. A busy machine gives less, a relay that copies byte by byte far less.
        assert!(exposed >= 0.2 * input, "{}: {exposed} {input}", subject.name);
        assert!(forwarded >= 0.2 * out, "{}: {forwarded} {out}", subject.name);
        environment.destroy().await.unwrap();
    }
}
