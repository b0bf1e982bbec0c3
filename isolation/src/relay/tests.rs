#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

// Relays through commands that run on this machine: only the two ports differ.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Start, expose, forward};
use crate::engines::basic::BasicEngine;
use crate::{
    BoxFuture, Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Execution, Manager, Registry,
    Result,
};

#[derive(Debug)]
struct Inside(Environment);

impl Start for Inside {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(self.0.execute(command.clone()))
    }
}

async fn inside() -> (Manager, Arc<dyn Start>) {
    let mut registry = Registry::new();
    registry.register(BasicEngine::new()).unwrap();
    let manager = Manager::new(registry);
    let made = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    (manager, Arc::new(Inside(made.unwrap())))
}

fn free_port() -> u16 {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Replies with the received data, after its end.
async fn echo_at_the_end(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(b"got ").await.unwrap();
            stream.write_all(&all).await.unwrap();
        });
    }
}

/// The reply to a text whose end is sent.
async fn exchange(at: SocketAddr, text: Vec<u8>) -> Vec<u8> {
    let work = async {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let (mut read, mut write) = stream.split();
        let mut reply = Vec::new();
        let sending = async {
            write.write_all(&text).await.unwrap();
            write.shutdown().await.unwrap();
        };
        tokio::join!(sending, async { read.read_to_end(&mut reply).await.unwrap() });
        reply
    };
    timeout(Duration::from_secs(60), work).await.unwrap()
}

#[tokio::test]
async fn service_of_this_machine_is_reached_from_inside() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = service.local_addr().unwrap();
    tokio::spawn(echo_at_the_end(service));
    let (_manager, start) = inside().await;
    let port = free_port();
    let relay = expose(Arc::clone(&start), port, address).await.unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let texts = [b"one".to_vec(), Vec::new(), large];
    let exchanges = texts
        .clone()
        .map(|text| tokio::spawn(exchange(local(port), text)));
    for (text, reply) in texts.into_iter().zip(exchanges) {
        assert!(reply.await.unwrap() == [b"got ".to_vec(), text].concat());
    }
    let taken = expose(Arc::clone(&start), port, address).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
    assert!(!relay.has_ended());
    drop(relay);
    // The program inside exits with the relay.
    let closed = async {
        while TcpStream::connect(local(port)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), closed).await.unwrap();
}

/// The commands of an image without any program.
#[derive(Debug)]
struct Bare(Arc<dyn Start>);

impl Start for Bare {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let mut command = command.clone();
            command.argv[0] = "/bin/sh".to_owned();
            command.env.insert("PATH".to_owned(), "/nonexistent".to_owned());
            self.0.start(&command).await
        })
    }
}

#[tokio::test]
async fn image_that_cannot_listen_is_unsupported() {
    let (_manager, start) = inside().await;
    let error = expose(Arc::new(Bare(start)), free_port(), local(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("python3"), "{error}");
}

#[tokio::test]
async fn service_that_is_not_there_ends_the_connection() {
    let (_manager, start) = inside().await;
    let port = free_port();
    let _relay = expose(start, port, local(free_port())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(exchange(local(port), b"text".to_vec()).await, b"");
    }
}

#[tokio::test]
async fn port_inside_is_reached_through_a_command() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let inside_port = service.local_addr().unwrap().port();
    tokio::spawn(echo_at_the_end(service));
    let (_manager, start) = inside().await;
    let target = (Ipv4Addr::LOCALHOST.into(), inside_port);
    let (relay, at) = forward(Arc::clone(&start), local(0), target).await.unwrap();
    let large = vec![7; 3_000_000];
    for text in [b"one".to_vec(), large] {
        assert!(exchange(at, text.clone()).await == [b"got ".to_vec(), text].concat());
    }
    let taken = forward(start, at, target).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
    drop(relay);
}
