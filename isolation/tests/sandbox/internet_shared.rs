//! The network `bridge` of several environments, its resolver, the end of its owner, and users that
//! may open the device.

use std::io::Read;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use isolation::{Command, EngineChoice, EnvironmentSpec, Main, NetworkMode, WaitFor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::group_network::{NETWORK, serving};
use crate::internet::{
    assert_reaches, bridge, fixture, outside, programs, until_interface_is_gone, until_programs,
};
use crate::owner::{running, until_nothing_runs};
use crate::snapshots::{restored, saved, store};
use crate::support::{Fixture, as_user_with_others, base, manager_with_state, printed, rustix_is_root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bridge_of_several_has_one_program() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let (outside, base) = (outside(), fixture.base.path());
    let mut first = serving(7000, "first");
    first.network.mode = bridge().network.mode;
    let first = fixture.create(first).await.unwrap();
    first
        .wait_until(&WaitFor::Port(7000), crate::internet::LONG)
        .await
        .unwrap();
    let mut spec = EnvironmentSpec::default();
    spec.network.mode = NetworkMode::Environment(first.id().to_string());
    let second = fixture.create(spec.clone()).await.unwrap();
    assert_eq!(printed(&second, NETWORK).await, printed(&first, NETWORK).await);
    assert_reaches(&second, outside).await;
    let resolver = printed(&second, "cat /etc/resolv.conf").await;
    assert!(resolver.starts_with("nameserver 198.18.213.3"), "{resolver}");
    assert_eq!(programs(base).len(), 1);
    // It lasts while one of them runs, and the next one gets a new one if it was killed.
    first.stop(Duration::ZERO).await.unwrap();
    assert_reaches(&second, outside).await;
    let status = Program::new("kill")
        .args(["-9", &programs(base)[0].to_string()])
        .status();
    assert!(status.unwrap().success());
    until_interface_is_gone(&second).await;
    let details = second.inspect().await.unwrap().details;
    assert!(
        details["network"].contains("slirp4netns has ended"),
        "{details:?}"
    );
    first.start().await.unwrap();
    assert_reaches(&second, outside).await;
    assert_eq!(programs(base).len(), 1);
    first.destroy().await.unwrap();
    assert_reaches(&second, outside).await;
    second.destroy().await.unwrap();
    until_programs(base, 0);
    assert_eq!(fixture.left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_on_the_bridge_is_published() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = serving(8080, "served");
    spec.network.mode = bridge().network.mode;
    spec.network.ports = vec![8080.into()];
    let environment = fixture.create(spec).await.unwrap();
    let at = environment.endpoint(8080).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect((at.host.as_str(), at.host_port))
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "served");
    environment.destroy().await.unwrap();
    assert_eq!(programs(fixture.base.path()), Vec::<u32>::new());
}

#[tokio::test]
async fn snapshot_with_the_bridge_is_restored_with_it() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let (_directory, store) = store();
    let environment = fixture.create(bridge()).await.unwrap();
    let snapshot = saved(&environment, &store).await;
    environment.destroy().await.unwrap();
    let again = restored(&fixture.manager, &store, &snapshot).await;
    assert_reaches(&again, outside()).await;
    again.destroy().await.unwrap();
    assert_eq!(programs(fixture.base.path()), Vec::<u32>::new());
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn main_process_on_the_bridge_ends_with_it() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let mut spec = bridge();
    spec.main = Main::Command(Command::shell("read -r line </dev/null; exit 3"));
    let environment = fixture.create(spec).await.unwrap();
    assert_eq!(environment.wait().await.unwrap().code, 3);
    until_programs(fixture.base.path(), 0);
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

/// Not a test: creates an environment, prints a line, and waits to be killed.
#[tokio::test]
async fn helper_owner_of_a_bridge() {
    let (Ok(base), Ok(state)) = (
        std::env::var("SANDBOX_TEST_BASE"),
        std::env::var("SANDBOX_TEST_STATE"),
    ) else {
        return;
    };
    let manager = manager_with_state(Path::new(&base), Path::new(&state));
    let environment = manager.create(&EngineChoice::Auto, bridge()).await.unwrap();
    // A program inside tries to hold the pipe, too.
    let hold = "sh -c 'exec 5<>/proc/1/fd/6; exec sleep 100000' >/dev/null 2>&1 & echo ready";
    eprintln!("{}", printed(&environment, hold).await);
    environment.run(Command::new(["sleep", "100000"])).await.unwrap();
}

#[tokio::test]
async fn killed_owner_leaves_no_program() {
    if fixture().await.is_none() {
        return;
    }
    let (base, state) = (base(), tempfile::tempdir().unwrap());
    let owner = || {
        Program::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "internet_shared::helper_owner_of_a_bridge",
                "--nocapture",
            ])
            .env("SANDBOX_TEST_BASE", base.path())
            .env("SANDBOX_TEST_STATE", state.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let until_ready = |child: &mut std::process::Child| {
        let mut output = child.stderr.take().unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("ready") {
            let mut byte = [0];
            let text = String::from_utf8_lossy(&seen).into_owned();
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{text}");
            seen.push(byte[0]);
        }
    };
    let mut ready = owner();
    until_ready(&mut ready);
    assert_eq!(programs(base.path()).len(), 1);
    ready.kill().unwrap();
    ready.wait().unwrap();
    until_nothing_runs(base.path());
    until_programs(base.path(), 0);
    for round in 0..20 {
        let mut child = owner();
        std::thread::sleep(Duration::from_millis(round * 10));
        child.kill().unwrap();
        child.wait().unwrap();
        until_nothing_runs(base.path());
        until_programs(base.path(), 0);
    }
    assert!(running(base.path()).is_empty());
}

/// Answers the question for one name with one address, as a server of DNS.
fn answer_names(socket: &UdpSocket) {
    let mut question = [0; 512];
    loop {
        let (read, from) = socket.recv_from(&mut question).unwrap();
        let asked = &question[..read];
        let is_known = String::from_utf8_lossy(asked).contains("\u{7}example\u{4}test");
        // The type of the question is A.
        let is_address =
            asked.ends_with(&[0, 1, 0, 1]) || asked.windows(5).any(|part| part == [0, 0, 1, 0, 1]);
        let end = 12 + asked[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let mut answer = asked[..end].to_vec();
        // A reply without an error, with one question, and without other records.
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
        if is_known && is_address {
            answer[7] = 1;
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77]);
        }
        // The one who asks may be gone.
        let _ = socket.send_to(&answer, from);
    }
}

/// Not a test by itself: [`names_are_those_of_this_machine`] runs it with another `resolv.conf`.
#[tokio::test]
async fn names_are_looked_up() {
    if std::env::var_os("SANDBOX_TEST_FILES").is_none() {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.77:53").unwrap();
    std::thread::spawn(move || answer_names(&socket));
    let fixture = fixture().await.expect("the caller has looked");
    let environment = fixture.create(bridge()).await.unwrap();
    let look = "import socket; print(socket.gethostbyname('example.test'))";
    let found = environment
        .run(Command::new(["/usr/bin/python3", "-c", look]))
        .await
        .unwrap();
    assert_eq!(found.stdout_text(), "192.0.2.77\n", "{found:?}");
    // Only questions of DNS reach the resolver of this machine, and no other program there.
    let other = std::net::TcpListener::bind("127.0.0.77:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let at = std::net::Ipv4Addr::new(198, 18, 213, 3);
    let answer = crate::internet::connect(&environment, at.into(), port).await;
    assert!(answer.starts_with("error:"), "{answer}");
    let lines = printed(&environment, "cat /etc/resolv.conf").await;
    assert_eq!(lines, "nameserver 198.18.213.3\nsearch lab.test");
    environment.destroy().await.unwrap();
}

/// Sends `loopback` to 127.0.0.1 through the interface in three ways, `outside` to the address.
const THROUGH_THE_INTERFACE: &str = "
import socket, struct, sys
index = socket.if_nametoindex('tap0')
def send(prepare, to, text, extra=()):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            prepare(s)
            s.sendmsg([text], extra, 0, to)
    except OSError as error:
        print(error, file=sys.stderr)
here, outside = ('127.0.0.1', int(sys.argv[3])), (sys.argv[1], int(sys.argv[2]))
for _ in range(3):
    send(lambda s: s.setsockopt(socket.SOL_SOCKET, 25, b'tap0'), here, b'loopback')
    send(lambda s: s.setsockopt(socket.SOL_IP, 50, struct.pack('!I', index)), here, b'loopback')
    info = struct.pack('=iII', index, 0, 0)
    send(lambda s: None, here, b'loopback', [(socket.SOL_IP, 8, info)])
    send(lambda s: None, outside, b'outside')
";

#[tokio::test]
async fn interface_leads_not_to_the_loopback_interface() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    here.set_nonblocking(true).unwrap();
    let outside = UdpSocket::bind((outside().ip(), 0)).unwrap();
    outside.set_read_timeout(Some(crate::internet::LONG)).unwrap();
    let environment = fixture.create(bridge()).await.unwrap();
    let (at, port) = (outside.local_addr().unwrap(), here.local_addr().unwrap().port());
    let [address, number, port] = [at.ip().to_string(), at.port().to_string(), port.to_string()];
    let program = [
        "/usr/bin/python3",
        "-c",
        THROUGH_THE_INTERFACE,
        &address,
        &number,
        &port,
    ];
    let sent = environment.run(Command::new(program)).await.unwrap();
    let mut text = [0; 16];
    for _ in 0..3 {
        let length = outside
            .recv(&mut text)
            .unwrap_or_else(|error| panic!("{error}: {sent:?}"));
        assert_eq!(&text[..length], b"outside");
    }
    // The program forwards the packets in their order.
    assert!(here.recv(&mut text).is_err(), "{sent:?}");
    environment.destroy().await.unwrap();
}

/// Runs a test of this program with other files in place of some of this machine, which only this
/// program sees. The script prepares them in its working directory.
fn with_files(prepare: &str, test: &str) {
    let directory = base();
    let script = format!(
        "cd -- \"$0\" || exit 77\nmount -t tmpfs -o mode=755 tmpfs . && cd -- \"$0\" || exit 77\n{prepare}\n\
         exec \"$@\""
    );
    let mut command = Program::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .arg(directory.path());
    command.arg(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", test])
        .env("SANDBOX_TEST_FILES", "yes");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if output.status.code() == Some(77) {
        eprintln!("skipped: files cannot be replaced here: {text:?}");
        return;
    }
    assert!(output.status.success(), "{test}: {}{}", text[0], text[1]);
    assert!(
        text[0].contains("1 passed") && !text[1].contains("skipped"),
        "{text:?}"
    );
}

#[tokio::test]
async fn names_are_those_of_this_machine() {
    if !rustix_is_root() || fixture().await.is_none() {
        eprintln!("skipped: this needs root");
        return;
    }
    let prepare = "echo nameserver 127.0.0.77 >resolv && echo search lab.test >>resolv && chmod 644 resolv && \
                   mount --bind resolv /etc/resolv.conf || exit 77";
    with_files(prepare, "internet_shared::names_are_looked_up");
}

/// Makes a device that every user may open, as it is on most machines.
const OPEN: &str = "mknod tun c 10 200 && chmod 666 tun && mount --bind tun /dev/net/tun || exit 77";

#[tokio::test]
async fn bridge_of_an_ordinary_user_with_the_device() {
    if !rustix_is_root() || Fixture::new().await.is_none() || fixture().await.is_none() {
        eprintln!("skipped: this needs root");
        return;
    }
    // As root, the program then runs as another user; and as an ordinary user.
    with_files(OPEN, "internet::bridge_reaches_others_and_not_this_machine");
    with_files(OPEN, "internet::ordinary_user_is_told_or_has_the_bridge");
    with_files(OPEN, "internet_shared::helper_user_with_others");
}

/// Not a test by itself: [`bridge_of_an_ordinary_user_with_the_device`] runs it with the device.
#[test]
fn helper_user_with_others() {
    if std::env::var_os("SANDBOX_TEST_FILES").is_some() && Path::new("/usr/bin/newuidmap").exists() {
        as_user_with_others("internet::bridge_reaches_others_and_not_this_machine");
    }
}

#[tokio::test]
async fn bridge_leaves_the_mounts_of_this_machine() {
    if !rustix_is_root() || fixture().await.is_none() {
        eprintln!("skipped: this needs root");
        return;
    }
    // As on most machines: what a namespace unmounts is unmounted in the others, too.
    let share = "mkdir in && mount -t tmpfs tmpfs in && mount --make-rshared / || exit 77";
    with_files(share, "internet_shared::helper_shared_mounts");
}

/// Not a test by itself: [`bridge_leaves_the_mounts_of_this_machine`] runs it with shared mounts.
#[tokio::test]
async fn helper_shared_mounts() {
    if std::env::var_os("SANDBOX_TEST_FILES").is_none() {
        return;
    }
    let mounts = || std::fs::read_to_string("/proc/self/mounts").unwrap();
    let before = mounts();
    let fixture = fixture().await.unwrap();
    let environment = fixture.create(bridge()).await.unwrap();
    assert_reaches(&environment, outside()).await;
    assert_eq!(mounts(), before);
    environment.destroy().await.unwrap();
    assert_eq!(mounts(), before);
}

/// A directory with a program of this name that leaves a mark.
fn planted(name: &str) -> (tempfile::TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let directory = base();
    let (program, mark) = (directory.path().join(name), directory.path().join("mark"));
    std::fs::write(&program, format!("#!/bin/sh\n: >'{}'\n", mark.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (directory, mark)
}

#[test]
fn program_in_the_path_of_the_caller_is_not_used() {
    let (directory, mark) = planted("slirp4netns");
    let path = format!(
        "{}:{}",
        directory.path().display(),
        std::env::var("PATH").unwrap()
    );
    let status = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "internet::start_that_fails_leaves_no_program"])
        .env("PATH", path)
        .status();
    assert!(status.unwrap().success());
    assert!(!mark.exists(), "it was started");
}
