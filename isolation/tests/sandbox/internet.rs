//! The network `bridge`: connections to other machines, and none to the loopback interface of this
//! one.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use isolation::engines::sandbox::SandboxEngine;
use isolation::{
    Command, CopySource, Engine, EngineChoice, Environment, EnvironmentSpec, ErrorKind, ForkOptions,
    Lifetime, NetworkMode, Status,
};

use crate::images::WithImage;
use crate::support::{Fixture, as_ordinary_user, has_users, manager, printed, sh};

/// How long a busy machine may take.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A specification with access to the internet.
pub(crate) fn bridge() -> EnvironmentSpec {
    let mut spec = EnvironmentSpec::default();
    spec.network.mode = NetworkMode::Named("bridge".to_owned());
    spec
}

/// Whether environments can have access to the internet here; if not, that is printed.
pub(crate) async fn is_possible(engine: &SandboxEngine) -> bool {
    let capabilities = engine.probe().await.capabilities;
    let is_possible = capabilities.values().network_modes.contains(&"bridge".to_owned());
    if !is_possible {
        let missing = capabilities.missing(&[isolation::Feature::Networks].into());
        eprintln!("skipped: {}", missing[0].reason);
    }
    is_possible
}

/// `None` where no environment can have access to the internet, which is printed.
pub(crate) async fn fixture() -> Option<Fixture> {
    let fixture = Fixture::new().await?;
    let engine = SandboxEngine::below(fixture.base.path());
    let has_python = fs::metadata("/usr/bin/python3").is_ok();
    if !has_python {
        eprintln!("skipped: this machine has no python3 in /usr");
    }
    (has_python && is_possible(&engine).await).then_some(fixture)
}

/// The programs that run for environments in this directory.
pub(crate) fn programs(base: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default();
        // It sees other directories, but its input is still the pipe.
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        comm.trim() == "slirp4netns" && link("fd/0").starts_with(base)
    })
    .collect()
}

/// Waits until so many of them run.
pub(crate) fn until_programs(base: &Path, count: usize) {
    let until = Instant::now() + LONG;
    while programs(base).len() != count {
        assert!(Instant::now() < until, "{:?}, not {count}", programs(base));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An address of this machine that other machines reach, too.
fn address() -> Ipv4Addr {
    let table = fs::read_to_string("/proc/net/fib_trie").unwrap();
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    let local = lines.windows(2).filter(|pair| pair[1].contains("host LOCAL"));
    let mut found = local.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse::<Ipv4Addr>().ok());
    found.find(|address| !address.is_loopback()).unwrap()
}

/// Answers each connection to this address with a word and what it sends, while the test runs.
pub(crate) fn serve(address: impl Into<IpAddr>, word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((address.into(), 0)).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut text = String::from(word);
                // A client may go away.
                let _ = stream.read_to_string(&mut text);
                let _ = stream.write_all(text.as_bytes());
            });
        }
    });
    at
}

/// A server that another machine could have.
pub(crate) fn outside() -> SocketAddr {
    serve(address(), "outside ")
}

/// Connects and prints the answer, or the error.
pub(crate) async fn connect(environment: &Environment, host: IpAddr, port: u16) -> String {
    let script = format!(
        "import socket
try:
    with socket.create_connection(('{host}', {port}), 20) as connection:
        connection.sendall(b'hello')
        connection.shutdown(socket.SHUT_WR)
        print(connection.makefile().read())
except OSError as error:
    print('error:', error)"
    );
    let command = Command::new(["/usr/bin/python3", "-c", &script]);
    environment
        .run(command)
        .await
        .unwrap()
        .stdout_text()
        .trim()
        .to_owned()
}

pub(crate) async fn assert_reaches(environment: &Environment, at: SocketAddr) {
    assert_eq!(connect(environment, at.ip(), at.port()).await, "outside hello");
}

/// The kernel removes it some time after the program.
pub(crate) async fn until_interface_is_gone(environment: &Environment) {
    let until = Instant::now() + LONG;
    while printed(environment, "cat /proc/net/dev").await.contains("tap0:") {
        assert!(Instant::now() < until, "the interface is still there");
    }
}

#[tokio::test]
async fn bridge_reaches_others_and_not_this_machine() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let (outside, inside) = (outside(), serve(Ipv4Addr::LOCALHOST, "inside "));
    let environment = fixture.create(bridge()).await.unwrap();
    assert_reaches(&environment, outside).await;
    // The addresses that stand for this machine, and for its network.
    for host in [
        "127.0.0.1",
        "198.18.213.2",
        "198.18.213.3",
        "0.0.0.0",
        "198.18.213.255",
        "198.18.213.1",
    ] {
        let answer = connect(&environment, host.parse().unwrap(), inside.port()).await;
        assert!(answer.starts_with("error:"), "{host}: {answer}");
    }
    // Packets that a program writes itself would reach it.
    let raw = "import socket\ntry:\n socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nexcept OSError as e:\n print(e.errno)
try:\n socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)\nexcept OSError as e:\n print(e.errno)";
    let tried = environment
        .run(Command::new(["/usr/bin/python3", "-c", raw]))
        .await
        .unwrap();
    assert_eq!(tried.stdout_text(), "1\n1\n", "{tried:?}");
    if has_users() {
        let status = printed(&environment, "grep -E '^Cap(Bnd|Eff)' /proc/self/status").await;
        for line in status.lines() {
            let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
            assert_eq!(mask, 0xa804_05fb & !(1 << 13), "{line}");
        }
    }
    let details = environment.inspect().await.unwrap().details;
    assert!(
        details["network"].starts_with("bridge, with access to the internet by the program slirp4netns"),
        "{details:?}"
    );
    let resolver = printed(&environment, "cat /etc/resolv.conf").await;
    assert!(resolver.starts_with("nameserver 198.18.213.3"), "{resolver}");
    assert!(
        printed(&environment, "cat /etc/hosts")
            .await
            .contains("localhost")
    );
    // Without it, nothing of this is there.
    let alone = fixture.environment().await;
    assert!(
        connect(&alone, outside.ip(), outside.port())
            .await
            .starts_with("error:")
    );
    assert_eq!(programs(fixture.base.path()).len(), 1);
    environment.destroy().await.unwrap();
    assert_eq!(programs(fixture.base.path()), Vec::<u32>::new());
    alone.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn bridge_carries_many_connections_at_once() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let outside = outside();
    let environment = fixture.create(bridge()).await.unwrap();
    let (host, port) = (outside.ip(), outside.port());
    let script = format!(
        "import socket, threading
good = []
def one(n):
    with socket.create_connection(('{host}', {port}), 60) as connection:
        text = str(n) * 20000
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        if connection.makefile().read() == 'outside ' + text:
            good.append(n)
threads = [threading.Thread(target=one, args=(n,)) for n in range(100)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(good))"
    );
    let output = environment
        .run(Command::new(["/usr/bin/python3", "-c", &script]))
        .await;
    let output = output.unwrap();
    assert_eq!(output.stdout_text(), "100\n", "{output:?}");
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn bridge_lasts_as_long_as_the_environment_runs() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let (outside, base) = (outside(), fixture.base.path());
    let environment = fixture.create(bridge()).await.unwrap();
    environment.pause().await.unwrap();
    environment.unpause().await.unwrap();
    assert_reaches(&environment, outside).await;
    environment.restart(Duration::ZERO).await.unwrap();
    assert_reaches(&environment, outside).await;
    assert_eq!(programs(base).len(), 1);
    environment.stop(Duration::ZERO).await.unwrap();
    assert_eq!(programs(base), Vec::<u32>::new());
    // What copies files in a stopped one needs no network.
    environment
        .copy_in(CopySource::bytes("x"), "/root/x")
        .await
        .unwrap();
    until_programs(base, 0);
    environment.start().await.unwrap();
    assert_reaches(&environment, outside).await;
    // A program that is killed is reported, and a new start brings another one.
    let killed = programs(base);
    let status = std::process::Command::new("kill")
        .args(["-9", &killed[0].to_string()])
        .status();
    assert!(status.unwrap().success());
    until_interface_is_gone(&environment).await;
    let details = environment.inspect().await.unwrap().details;
    assert!(
        details["network"].contains("slirp4netns has ended"),
        "{details:?}"
    );
    assert!(
        connect(&environment, outside.ip(), outside.port())
            .await
            .starts_with("error:")
    );
    environment.restart(Duration::ZERO).await.unwrap();
    assert_reaches(&environment, outside).await;
    let details = environment.inspect().await.unwrap().details;
    assert!(!details["network"].contains("has ended"), "{details:?}");
    let forks = fixture
        .manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    assert_reaches(&forks[0], outside).await;
    assert_eq!(programs(base).len(), 2);
    drop((forks, environment));
    assert_eq!(programs(base), Vec::<u32>::new());
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn kept_environment_keeps_the_bridge() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let (outside, base) = (outside(), fixture.base.path());
    let mut spec = bridge();
    (spec.name, spec.lifetime) = (Some("kept".to_owned()), Lifetime::Kept);
    drop(fixture.create(spec).await.unwrap());
    fixture.manager.shutdown().await.unwrap();
    let other = manager(base);
    let opened = other.open("kept").await.unwrap();
    assert_eq!(opened.status(), Status::Running);
    assert_reaches(&opened, outside).await;
    opened.stop(Duration::ZERO).await.unwrap();
    assert_eq!(programs(base), Vec::<u32>::new());
    opened.start().await.unwrap();
    assert_reaches(&opened, outside).await;
    opened.destroy().await.unwrap();
    assert_eq!(programs(base), Vec::<u32>::new());
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn image_with_the_bridge_has_its_resolver() {
    let Some(images) = WithImage::new().await else {
        return;
    };
    if !is_possible(images.engine()).await {
        return;
    }
    for read_only in [false, true] {
        let mut spec = bridge();
        spec.image = Some("test:1".into());
        spec.security.read_only_root = read_only;
        let environment = images.manager.create(&EngineChoice::Auto, spec).await.unwrap();
        let resolver = printed(&environment, "cat /etc/resolv.conf").await;
        assert!(resolver.starts_with("nameserver 198.18.213.3"), "{resolver}");
        assert!(printed(&environment, "cat /proc/net/dev").await.contains("tap0:"));
        assert_eq!(programs(images.base.path()).len(), 1);
        environment.destroy().await.unwrap();
        assert_eq!(programs(images.base.path()), Vec::<u32>::new());
    }
}

#[tokio::test]
async fn start_that_fails_leaves_no_program() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = bridge();
    spec.working_dir = Some("/etc/passwd/x".to_owned());
    let error = fixture.create(spec).await.unwrap_err();
    assert!(!error.to_string().is_empty());
    until_programs(fixture.base.path(), 0);
    let mut spec = bridge();
    spec.security.add_capabilities = vec!["NET_RAW".to_owned()];
    let error = fixture.create(spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn bridge_that_is_not_possible_says_why() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let engine = SandboxEngine::below(fixture.base.path());
    if is_possible(&engine).await {
        eprintln!("nothing to refuse: it is possible");
        return;
    }
    let choice = EngineChoice::Named("sandbox".to_owned());
    let error = fixture.manager.create(&choice, bridge()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let text = error.to_string();
    for part in [
        "the network bridge is not possible: ",
        "slirp4netns",
        "host_network",
        "the engine docker",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let detail = format!("{}", engine.probe().await.availability);
    assert!(detail.contains("no access to the internet"), "{detail}");
    assert!(sh(&fixture.environment().await, "true").await.exit.success());
}

#[test]
fn ordinary_user_is_told_or_has_the_bridge() {
    for test in [
        "bridge_that_is_not_possible_says_why",
        "bridge_reaches_others_and_not_this_machine",
        "bridge_lasts_as_long_as_the_environment_runs",
    ] {
        as_ordinary_user(&format!("internet::{test}"));
    }
}
