//! Abstract Unix sockets, IPv6 zones, and the number of idle connections.

use engine_api::Docker;
use engine_api::connect::Address;
#[cfg(target_os = "linux")]
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{healthy, post};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn abstract_unix_socket_is_reached_by_its_name() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    let name = format!("engine-api-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        pong(&mut stream).await;
    });
    let docker = Docker::from_address(&format!("unix://@{name}")).unwrap();
    assert_eq!(docker.address(), format!("unix://@{name}"));
    docker.system().ping().await.unwrap();
}

/// Replies to one ping.
#[cfg(target_os = "linux")]
async fn pong(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin)) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let reply = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK";
    stream.write_all(reply).await.unwrap();
    head
}

/// A link-local address of this machine and its zone, if it has one.
#[cfg(target_os = "linux")]
fn link_local() -> Option<(String, String)> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    let line = table.lines().find(|line| line.starts_with("fe80"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let groups: Vec<&str> = (0..8).map(|n| &words[0][4 * n..4 * n + 4]).collect();
    Some((groups.join(":"), (*words.last()?).to_owned()))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ipv6_zone_selects_the_interface() {
    // A machine without a link-local address has no zones.
    let Some((address, zone)) = link_local() else {
        return;
    };
    let listener = tokio::net::TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        pong(&mut stream).await
    });
    let text = format!("tcp://[{address}%25{zone}]:{port}");
    let docker = Docker::from_address(&text).unwrap();
    assert_eq!(docker.address(), text);
    docker.system().ping().await.unwrap();
    let head = served.await.unwrap();
    // The zone has a meaning only on this machine.
    let host = format!("host: [{address}]:{port}");
    assert!(
        head.iter().any(|line| line.eq_ignore_ascii_case(&host)),
        "{head:?}"
    );
}

#[test]
fn zone_is_part_of_an_address_in_brackets_only() {
    let parse = |text: &str| text.parse::<Address>();
    let host = |text: &str| match parse(text).unwrap() {
        Address::Tcp { host, .. } | Address::Tls { host, .. } | Address::Ssh { host, .. } => host,
        other => panic!("{other:?}"),
    };
    assert_eq!(host("tcp://[fe80::1%25eth0]:1"), "fe80::1%eth0");
    assert_eq!(host("https://[fe80::1%eth0]"), "fe80::1%eth0");
    assert_eq!(host("ssh://u@[fe80::1%25eth0]"), "fe80::1%eth0");
    for wrong in [
        "tcp://h%25x:1",
        "tcp://[fe80::1%25]:1",
        "tcp://[fe80::1%]:1",
        "tcp://[%25eth0]:1",
        "tcp://[fe80::1%a%b]:1",
        "unix://@",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_asked_for() {
    let engine = healthy();
    let socket = engine.on_unix().unwrap();
    let docker = socket.client().with_idle_connections(0);
    for _ in 0..3 {
        post(&docker).await.unwrap();
    }
    let opened = engine.counts().opened;
    assert!(opened >= 3, "{opened}");
    let docker = docker.with_idle_connections(1);
    for _ in 0..5 {
        post(&docker).await.unwrap();
    }
    assert_eq!(engine.counts().opened, opened + 1);
}
