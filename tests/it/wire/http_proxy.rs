//! Engines behind an HTTP proxy, which opens a tunnel to them.

use std::io;

use engine_api::connect::TcpConnector;
use engine_api::{Docker, ErrorKind};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::healthy;

/// The reply of the proxy to `CONNECT`.
async fn connect(stream: TcpStream, password: &str) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut target, mut authorized) = (String::new(), password.is_empty());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if let Some(rest) = line.strip_prefix("CONNECT ") {
            target = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        authorized |= line.trim_end() == format!("Proxy-Authorization: Basic {password}");
        if line.trim().is_empty() {
            break;
        }
    }
    if !authorized {
        return stream.write_all(b"HTTP/1.1 407 -\r\n\r\n").await;
    }
    match TcpStream::connect(&target).await {
        Ok(mut engine) => {
            stream.write_all(b"HTTP/1.1 200 -\r\nVia: test\r\n\r\n").await?;
            copy_bidirectional(&mut stream, &mut engine).await.map(drop)
        }
        Err(_) => stream.write_all(b"HTTP/1.1 502 -\r\n\r\n").await,
    }
}

/// A proxy; returns its address.
async fn proxy(password: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, password));
        }
    });
    address
}

#[tokio::test]
async fn engine_is_reached_through_the_proxy() {
    let engine = healthy();
    let socket = engine.on_tcp().unwrap();
    let address = socket.client().address();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    // `u:p` in base64.
    let proxy = proxy("dTpw").await;
    let through = |user: &str, port| {
        let connector = TcpConnector::new("127.0.0.1", port);
        let proxy = format!("http://{user}{proxy}").parse().unwrap();
        Docker::with_connector(connector.with_proxy(Some(proxy)))
    };
    through("u:p@", port).system().ping().await.unwrap();
    assert_eq!(
        engine.received()[0].header("host"),
        Some(format!("127.0.0.1:{port}").as_str())
    );
    let error = through("u:hunter2@", port).system().ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = format!("{error:#}");
    assert!(text.contains("407") && !text.contains("hunter2"), "{text}");
    let closed = through("u:p@", 1).system().ping().await.unwrap_err();
    assert!(format!("{closed:#}").contains("502"), "{closed:#}");
}

#[tokio::test]
async fn reply_that_is_none_of_a_proxy_is_an_error() {
    for (reply, words) in [
        (vec![b'x'; 20_000], "its reply is too long"),
        (b"HELLO\r\n\r\n".to_vec(), "its reply is not HTTP"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(&reply).await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
        });
        let connector = TcpConnector::new("10.0.0.1", 2375).with_proxy(Some(proxy.parse().unwrap()));
        let error = Docker::with_connector(connector)
            .system()
            .ping()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        let text = format!("{error:#}");
        assert!(
            text.contains("the proxy 127.0.0.1:") && text.contains(words),
            "{text}"
        );
    }
}
