//! The network of a group, and that of another environment.

use std::time::Duration;

use isolation::engines::sandbox::SandboxOptions;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Feature, Group, GroupSpec, Lifetime,
    Main, NetworkMode, Service, Status, WaitFor,
};

use crate::images::WithImage;
use crate::owner::running;
use crate::support::{Fixture, as_ordinary_user, as_user_with_others, manager, printed, sh};

/// How long a busy machine may take.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Which network a process has.
pub(crate) const NETWORK: &str = "readlink /proc/self/ns/net";

/// Answers each connection with a word.
fn server(port: u16, word: &str) -> Main {
    let script = format!(
        "import socketserver
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b'{word}')
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(('127.0.0.1', {port}), Answer).serve_forever()"
    );
    Main::Command(Command::new(["python3".to_owned(), "-c".to_owned(), script]))
}

/// The answer of a service to a command of another one.
pub(crate) async fn answer(of: &Environment, name: &str, port: u16) -> String {
    let script = format!(
        "python3 -c \"import socket; print(socket.create_connection(('{name}', {port})).recv(99).decode())\""
    );
    printed(of, &script).await
}

pub(crate) fn service(environment: EnvironmentSpec) -> Service {
    Service {
        environment,
        ..Service::default()
    }
}

pub(crate) fn serving(port: u16, word: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        main: server(port, word),
        ready: Some(WaitFor::Port(port).into()),
        ..EnvironmentSpec::default()
    }
}

/// Two servers, one of them with a second name, and a service that only waits for commands.
fn shop(name: &str) -> GroupSpec {
    let mut db = serving(5432, "rows");
    db.network.aliases = vec!["database".into()];
    let services = [
        ("db", db),
        ("web", serving(8080, "page")),
        ("client", EnvironmentSpec::default()),
    ];
    GroupSpec {
        name: name.into(),
        services: services
            .map(|(name, spec)| (name.to_owned(), service(spec)))
            .into(),
        ..GroupSpec::default()
    }
}

pub(crate) async fn up(fixture: &Fixture, spec: GroupSpec) -> isolation::Result<Group> {
    fixture.manager.up(&EngineChoice::Auto, spec).await
}

/// Whether this machine has the program of the servers.
pub(crate) async fn fixture() -> Option<Fixture> {
    let fixture = Fixture::new().await?;
    let environment = fixture.environment().await;
    let found = sh(&environment, "command -v python3").await.exit.success();
    environment.destroy().await.unwrap();
    if !found {
        eprintln!("skipped: this machine has no python3");
    }
    found.then_some(fixture)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member_with_a_read_only_root_knows_the_names() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = shop("sealed");
    for service in spec.services.values_mut() {
        service.environment.security.read_only_root = true;
    }
    let group = up(&fixture, spec).await.unwrap();
    let client = group.get("client").unwrap();
    assert_eq!(answer(client, "database", 5432).await, "rows");
    for one in [client, group.get("web").unwrap()] {
        one.stop(Duration::ZERO).await.unwrap();
        one.start().await.unwrap();
        assert!(!sh(one, "echo x >/etc/hosts").await.exit.success());
    }
    assert_eq!(answer(client, "web", 8080).await, "page");
    group.down(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_reach_each_other_by_name() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = shop("shop");
    let mut alone = EnvironmentSpec::default();
    alone.network.mode = NetworkMode::None;
    spec.services.insert("alone".into(), service(alone));
    let group = up(&fixture, spec).await.unwrap();
    let [db, web, client] = ["db", "web", "client"].map(|name| group.get(name).unwrap());
    for (name, port, word) in [
        ("db", 5432, "rows"),
        ("database", 5432, "rows"),
        ("web", 8080, "page"),
    ] {
        assert_eq!(answer(client, name, port).await, word, "{name}");
        assert_eq!(answer(web, name, port).await, word, "{name}");
    }
    let details = web.inspect().await.unwrap().details;
    assert_eq!(details["network"], "that of the group shop");
    // Environments outside the group see neither the network nor its names.
    let network = printed(client, NETWORK).await;
    let stranger = fixture.environment().await;
    for other in [group.get("alone").unwrap(), &stranger] {
        assert_ne!(printed(other, NETWORK).await, network);
        let hosts = printed(other, "cat /etc/hosts").await;
        assert!(!hosts.contains("database"), "{hosts}");
    }
    // A process of one is not seen by the others.
    let seen = printed(client, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").await;
    assert!(!seen.contains("socketserver"), "{seen}");

    // The network stays while one of them runs, and the others find it again.
    for one in [db, web] {
        one.stop(Duration::ZERO).await.unwrap();
    }
    let refused = sh(
        client,
        "python3 -c \"import socket; socket.create_connection(('db', 5432))\"",
    )
    .await;
    assert!(refused.stderr_text().contains("refused"), "{refused:?}");
    for one in [web, db] {
        one.start().await.unwrap();
    }
    assert_eq!(printed(web, NETWORK).await, network);
    assert_eq!(answer(client, "db", 5432).await, "rows");
    // All of them get another one together.
    for one in [client, web, db] {
        one.stop(Duration::ZERO).await.unwrap();
    }
    let starts = [db.start(), client.start(), web.start()];
    for started in Box::pin(futures(starts)).await {
        started.unwrap();
    }
    assert_eq!(printed(web, NETWORK).await, printed(client, NETWORK).await);
    assert_eq!(answer(client, "web", 8080).await, "page");
    stranger.destroy().await.unwrap();
    group.down(Duration::ZERO).await.unwrap();
    assert!(running(fixture.base.path()).is_empty());
    assert_eq!(fixture.left(), 0, "something is left");
}

/// Waits for all of them at the same time.
async fn futures<F: Future>(all: [F; 3]) -> [F::Output; 3] {
    let [one, two, three] = all;
    let (one, two, three) = tokio::join!(one, two, three);
    [one, two, three]
}

#[test]
fn services_of_an_ordinary_user_do_so_too() {
    as_ordinary_user("group_network::services_reach_each_other_by_name");
}

#[test]
fn services_of_a_user_with_others_do_so_too() {
    as_user_with_others("group_network::services_reach_each_other_by_name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_with_and_without_an_image_are_together() {
    let Some(with_image) = WithImage::new().await else {
        return;
    };
    let of_image = || EnvironmentSpec {
        image: Some("test:1".into()),
        ..EnvironmentSpec::default()
    };
    for names in [["a", "b", "own"], ["b", "own", "a"], ["own", "a", "b"]] {
        let [one, two, own] = names;
        let services = [
            (one, of_image()),
            (two, of_image()),
            (own, EnvironmentSpec::default()),
        ];
        let spec = GroupSpec {
            name: "mixed".into(),
            services: services
                .map(|(name, spec)| (name.to_owned(), service(spec)))
                .into(),
            ..GroupSpec::default()
        };
        let group = with_image.manager.up(&EngineChoice::Auto, spec).await.unwrap();
        let mut seen = Vec::new();
        for (name, environment) in group.services() {
            seen.push(printed(environment, NETWORK).await);
            let hosts = printed(environment, "cat /etc/hosts").await;
            for other in names {
                let line = format!("127.0.0.1\t{other}");
                assert!(hosts.lines().any(|one| one == line), "{name}: {hosts}");
            }
            // Its root is its own, and can be changed.
            let own = printed(environment, &format!("echo {name} >/own; cat /own; id -u")).await;
            assert_eq!(own, format!("{name}\n0"));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
        group.down(Duration::ZERO).await.unwrap();
    }
    assert!(running(with_image.base.path()).is_empty());
}

#[test]
fn services_of_an_image_as_an_ordinary_user() {
    as_ordinary_user("group_network::services_with_and_without_an_image_are_together");
}

#[test]
fn services_of_an_image_as_a_user_with_others() {
    as_user_with_others("group_network::services_with_and_without_an_image_are_together");
}

#[tokio::test]
async fn port_of_two_services_is_refused_before_a_start() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = |others: bool| {
        let services = ["one", "two"].map(|name| {
            let mut spec = EnvironmentSpec::default();
            spec.network.ports = vec![80.into()];
            if others && name == "two" {
                spec.network.ports = vec!["8080:81".parse().unwrap()];
            }
            (name.to_owned(), service(spec))
        });
        GroupSpec {
            name: "ports".into(),
            services: services.into(),
            ..GroupSpec::default()
        }
    };
    let error = up(&fixture, spec(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("ports/one and ports/two both use port 80"),
        "{text}"
    );
    assert_eq!(fixture.left(), 0, "something is left");
    let group = up(&fixture, spec(true)).await.unwrap();
    // One with the network of the machine has the ports of the machine.
    let mut beside = spec(false);
    beside.name = "beside".into();
    let environment = &mut beside.services.get_mut("two").unwrap().environment;
    SandboxOptions { host_network: true }.add_to(environment);
    let other = up(&fixture, beside).await.unwrap();
    let details = other.get("two").unwrap().inspect().await.unwrap().details;
    assert_eq!(details["network"], "that of this machine");
    for group in [group, other] {
        group.down(Duration::ZERO).await.unwrap();
    }
    assert_eq!(fixture.left(), 0, "something is left");
}

#[tokio::test]
async fn named_networks_of_a_group_are_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut spec = shop("named");
    spec.networks.insert("back".into(), Default::default());
    let db = &mut spec.services.get_mut("db").unwrap().environment;
    db.network.mode = NetworkMode::Named("back".into());
    let choice = EngineChoice::Named("sandbox".into());
    let error = fixture.manager.up(&choice, spec).await.unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    assert_eq!(error.missing()[0].feature, Feature::Networks);
    assert!(error.to_string().contains("that of its group"), "{error}");
    assert_eq!(fixture.left(), 0, "something is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_group_is_used_by_another_process() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = shop("kept");
    for service in spec.services.values_mut() {
        service.environment.lifetime = Lifetime::Kept;
    }
    let mut beside = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    beside.network.mode = NetworkMode::Environment("web".into());
    spec.services.insert("beside".into(), service(beside));
    drop(up(&fixture, spec).await.unwrap());
    let other = manager(fixture.base.path());
    let group = other.group("kept").await.unwrap();
    let [db, beside] = ["db", "beside"].map(|name| group.get(name).unwrap());
    assert_eq!(answer(beside, "db", 5432).await, "rows");
    db.stop(Duration::ZERO).await.unwrap();
    assert_eq!(db.inspect().await.unwrap().status, Status::Stopped);
    db.start().await.unwrap();
    db.wait_until(&WaitFor::Port(5432), LONG).await.unwrap();
    assert_eq!(answer(beside, "database", 5432).await, "rows");
    let details = beside.inspect().await.unwrap().details;
    assert_eq!(details["network"], "that of the group kept");
    group.down(Duration::ZERO).await.unwrap();
    assert!(running(fixture.base.path()).is_empty());
    assert_eq!(fixture.left(), 0, "something is left");
}
