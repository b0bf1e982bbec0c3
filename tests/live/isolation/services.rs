//! Services: ports, readiness, logs, metrics.

use std::error::Error as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::images::{CommitImage, RemoveImage};
use isolation::engines::docker::DockerSettings;
use isolation::{
    Command, EnvironmentSpec, ErrorKind, HttpProbe, LogEntry, LogOptions, LogProbe, Main, NetworkSpec,
    NotReady, OutputStream, Protocol, PublishedPort, Readiness, ResourceLimits, WaitFor,
};

use super::{active, create, engine, manager, manager_of, spec};
use crate::support::{IMAGE, LONG, Subject, engines, one_line};

/// A port of the environment, published where this machine reaches it.
fn published(subject: &Subject, port: u16) -> PublishedPort {
    PublishedPort {
        address: Some(subject.host()),
        ..port.into()
    }
}

fn service(subject: &Subject, script: &str, port: u16) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        network: NetworkSpec {
            ports: vec![published(subject, port)],
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

const WEB: &str = "mkdir /www; echo page >/www/index.html; sleep 0.3; exec httpd -f -p 80 -h /www";

#[tokio::test]
async fn web_server_is_reached_when_it_is_ready() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let probe = HttpProbe {
            port: 80,
            path: "/index.html".into(),
            status: Some(200),
        };
        for wait_for in [WaitFor::Http(probe), WaitFor::Port(80)] {
            let spec = EnvironmentSpec {
                ready: Some(wait_for.into()),
                ..service(&subject, WEB, 80)
            };
            let environment = active(&manager, spec).await;
            let at = environment.endpoint(80).await.unwrap();
            let mut stream = TcpStream::connect(&at).unwrap();
            stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            assert!(reply.ends_with("page\n"), "{}: {reply}", subject.name);
            // The port of the host may be another one after a restart.
            environment.restart(Duration::from_secs(1)).await.unwrap();
            TcpStream::connect(environment.endpoint(80).await.unwrap()).unwrap();
            environment.stop(Duration::ZERO).await.unwrap();
            assert_eq!(environment.endpoints().await.unwrap(), [], "{}", subject.name);
            let error = environment.endpoint(80).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", one_line(&error));
            environment.destroy().await.unwrap();
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn every_condition_becomes_true() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let script = "echo one; echo two >&2; sleep 0.2; echo one; touch /ready; exec tail -f /dev/null";
        let spec = service(&subject, script, 80);
        let environment = active(&manager, spec).await;
        let log = |pattern: &str, count, stream| {
            WaitFor::Log(LogProbe {
                count,
                stream,
                ..LogProbe::new(pattern)
            })
        };
        let never = WaitFor::Port(9);
        for condition in [
            log("^one$", 2, Some(OutputStream::Stdout)),
            log("^two$", 1, Some(OutputStream::Stderr)),
            WaitFor::File("/ready".into()),
            WaitFor::Command(Command::shell("[ -e /ready ]")),
            WaitFor::All(vec![log("one", 1, None), WaitFor::File("/ready".into())]),
            WaitFor::Any(vec![never.clone(), log("one", 1, None)]),
        ] {
            let waited = environment.wait_until(&condition, LONG).await;
            waited.unwrap_or_else(|error| panic!("{}: {condition}: {}", subject.name, one_line(&error)));
        }
        let late = environment
            .wait_until(&never, Duration::from_secs(2))
            .await
            .unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout);
        let text = one_line(&late);
        assert!(
            text.contains("no program listens on port 9") && text.contains("last output: "),
            "{text}"
        );
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn service_that_ends_is_not_waited_for() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for condition in [
            WaitFor::Port(80),
            WaitFor::Log(LogProbe::new("ready")),
            WaitFor::File("/never".into()),
            WaitFor::Exit(0),
        ] {
            let ready = Readiness {
                timeout: Some(Duration::from_secs(600)),
                ..Readiness::from(condition.clone())
            };
            let spec = EnvironmentSpec {
                ready: Some(ready),
                ..service(
                    &subject,
                    "echo out; echo cannot open the database >&2; sleep 0.2; exit 3",
                    80,
                )
            };
            let error = create(&manager, spec).await.unwrap_err();
            let text = format!("{}: {condition}: {}", subject.name, one_line(&error));
            assert_eq!(error.kind(), ErrorKind::Unhealthy, "{text}");
            let not_ready = error.source().unwrap().downcast_ref::<NotReady>().unwrap();
            assert_eq!(not_ready.exit.map(|exit| exit.code), Some(3), "{text}");
            let mut lines = not_ready.last_lines.clone();
            lines.sort();
            assert_eq!(lines, ["cannot open the database", "out"], "{text}");
        }
        let spec = EnvironmentSpec {
            ready: Some(WaitFor::Exit(0).into()),
            ..service(&subject, "echo migrated", 80)
        };
        active(&manager, spec).await.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn taken_port_names_its_holder() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let first = active(&manager, service(&subject, "exec tail -f /dev/null", 80)).await;
        let at = first.endpoint(80).await.unwrap();
        let mut spec = service(&subject, "exec tail -f /dev/null", 80);
        spec.network.ports[0].host_port = Some(at.host_port);
        let error = create(&manager, spec).await.unwrap_err();
        let text = format!("{}: {}", subject.name, one_line(&error));
        assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
        let container = &first.inspect().await.unwrap().details["container"];
        assert!(
            text.contains(container.as_str()) && text.contains(&at.host_port.to_string()),
            "{text}"
        );
        first.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn other_protocols_are_published() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let mut spec = service(&subject, "exec tail -f /dev/null", 53);
        spec.network.ports[0].protocol = Protocol::Udp;
        let environment = active(&manager, spec).await;
        let at = environment.endpoint_of(53, Protocol::Udp).await.unwrap();
        assert!(
            at.host_port > 0 && at.host == subject.host().to_string(),
            "{}: {at}",
            subject.name
        );
        let error = environment.endpoint(53).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", one_line(&error));
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn log_has_every_line_with_its_time() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let script = "i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done; \
                      head -c 40000 /dev/zero | tr '\\0' x; echo; echo err >&2; printf last";
        let environment = active(&manager, service(&subject, script, 80)).await;
        environment.wait().await.unwrap();
        let began = std::time::SystemTime::now() - Duration::from_secs(300);
        let lines = environment
            .logs(LogOptions::default())
            .await
            .unwrap()
            .lines()
            .await
            .unwrap();
        let of = |stream: OutputStream| lines.iter().filter(move |line| line.stream == stream);
        let out: Vec<_> = of(OutputStream::Stdout)
            .map(|line| line.text_lossy().into_owned())
            .collect();
        assert_eq!(out.len(), 1002, "{}: {:?}", subject.name, out.last());
        assert_eq!((out[0].as_str(), out[999].as_str()), ("line 0", "line 999"));
        assert_eq!(
            (out[1000].len(), out[1001].as_str()),
            (40_000, "last"),
            "{}",
            subject.name
        );
        assert_eq!(of(OutputStream::Stderr).count(), 1);
        assert!(
            lines.iter().all(|line| line.at.is_some_and(|at| at > began)),
            "{}",
            subject.name
        );
        let tail = LogOptions {
            tail: Some(2),
            stream: Some(OutputStream::Stdout),
            ..LogOptions::default()
        };
        let tail = environment.logs(tail).await.unwrap().lines().await.unwrap();
        assert_eq!(tail.last().unwrap().text_lossy(), "last", "{}", subject.name);
        let later = LogOptions {
            since: Some(std::time::SystemTime::now() + Duration::from_secs(60)),
            ..LogOptions::default()
        };
        assert_eq!(
            environment.logs(later).await.unwrap().lines().await.unwrap(),
            [],
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn followed_log_ends_with_the_main_process() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, service(&subject, "echo a; sleep 0.5; echo b", 80)).await;
        let follow = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut log = environment.logs(follow).await.unwrap();
        let mut lines = Vec::new();
        while let Some(entry) = log.next().await.unwrap() {
            match entry {
                LogEntry::Line(line) => lines.push(line.text_lossy().into_owned()),
                LogEntry::Gap { lines } => panic!("{}: {lines} lines are missing", subject.name),
            }
        }
        assert_eq!(lines, ["a", "b"], "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn metrics_show_what_is_used() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(
            &manager,
            EnvironmentSpec {
                limits: ResourceLimits {
                    memory: Some(64 << 20),
                    ..ResourceLimits::default()
                },
                ..service(&subject, "while :; do :; done", 80)
            },
        )
        .await;
        let first = environment.metrics().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let second = environment.metrics().await.unwrap();
        let cpus = second.cpus_since(&first).unwrap();
        assert!(cpus > 0.01 && cpus < 2.0, "{}: {cpus}", subject.name);
        assert!(
            second.memory > 0 && second.memory < 64 << 20,
            "{}: {second:?}",
            subject.name
        );
        assert_eq!(second.memory_limit, Some(64 << 20));
        assert!(second.processes >= 1, "{}: {second:?}", subject.name);
        environment.stop(Duration::ZERO).await.unwrap();
        let error = environment.metrics().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongStatus);
        environment.destroy().await.unwrap();
    }
}

/// Commits an image that declares this port. Returns its name.
async fn image_with_a_port(subject: &Subject, prefix: &str, port: &str) -> String {
    let container = CreateContainer {
        name: Some(format!("{prefix}declares")),
        image: IMAGE.to_owned(),
        ..CreateContainer::default()
    };
    let (containers, name) = (
        subject.docker.containers(),
        format!("{prefix}declares").to_lowercase(),
    );
    let made = containers.create(container).await.unwrap();
    let commit = CommitImage {
        repo: name.clone(),
        changes: vec![format!("EXPOSE {port}")],
        ..CommitImage::default()
    };
    subject.docker.images().commit(&made.id, commit).await.unwrap();
    containers
        .remove(&made.id, RemoveContainer::default())
        .await
        .unwrap();
    name
}

#[tokio::test]
async fn ports_of_the_image_are_at_the_named_host() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let host = subject.host().to_string();
        let settings = DockerSettings {
            published_host: Some(host.clone()),
            ..engine.settings().clone()
        };
        let manager = manager_of(engine.with_settings(settings).unwrap());
        let image = image_with_a_port(&subject, &prefix, "80/tcp").await;
        let network = NetworkSpec {
            publish_all: true,
            ..NetworkSpec::default()
        };
        let web = EnvironmentSpec {
            image: Some(image.clone()),
            main: Main::Command(Command::shell(WEB)),
            ready: Some(WaitFor::Port(80).into()),
            network: network.clone(),
            ..EnvironmentSpec::default()
        };
        let environment = active(&manager, web).await;
        let published = environment.endpoints().await.unwrap();
        assert_eq!(published.len(), 1, "{}: {published:?}", subject.name);
        assert_eq!(published[0].port, 80, "{}", subject.name);
        // The settings name the host, because the socket of the daemon does not.
        let at = environment.endpoint(80).await.unwrap();
        assert!(at.to_string().starts_with(&host), "{}: {at}", subject.name);
        TcpStream::connect(at).unwrap();
        environment.destroy().await.unwrap();
        // An image without ports publishes none: that is an error.
        let nothing = EnvironmentSpec { network, ..spec() };
        let error = create(&manager, nothing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", one_line(&error));
        assert!(
            one_line(&error).contains("declares no ports"),
            "{}",
            one_line(&error)
        );
        subject
            .docker
            .images()
            .remove(&image, RemoveImage::default())
            .await
            .unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
