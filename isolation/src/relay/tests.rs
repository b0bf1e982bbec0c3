#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

// Relays through commands that run on this machine: only the two ports differ.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::programs::COPIED;
use super::{Start, expose, forward};
use crate::engines::basic::BasicEngine;
use crate::{
    BoxFuture, Chunk, Command, CopySource, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Execution,
    ExitStatus, Manager, Registry, Result, RunningProcess, Signal,
};

#[derive(Debug)]
struct Inside(Environment);

impl Start for Inside {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(self.0.execute(command.clone()))
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.copy_in(source, target))
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

pub(super) async fn inside() -> (Manager, Arc<dyn Start>) {
    let mut registry = Registry::new();
    registry.register(BasicEngine::new()).unwrap();
    let manager = Manager::new(registry);
    let made = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    (manager, Arc::new(Inside(made.unwrap())))
}

pub(super) fn free_port() -> u16 {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(super) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Replies with the received data, after its end.
pub(super) async fn echo_at_the_end(listener: TcpListener) {
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
pub(super) async fn exchange(at: SocketAddr, text: Vec<u8>) -> Vec<u8> {
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

/// An image without any program. Its root is a directory of this machine.
#[derive(Debug)]
struct Bare {
    start: Arc<dyn Start>,
    root: tempfile::TempDir,
    busybox: Option<PathBuf>,
}

impl Bare {
    /// An empty text is a file that does not exist.
    fn new(start: Arc<dyn Start>, busybox: Option<&str>) -> Arc<Self> {
        let root = tempfile::tempdir().unwrap();
        let busybox = busybox.map(|text| {
            let path = root.path().join("busybox");
            if !text.is_empty() {
                std::fs::write(&path, text).unwrap();
            }
            path
        });
        Arc::new(Self { start, root, busybox })
    }

    fn copied(&self) -> PathBuf {
        self.root.path().join(&COPIED[1..])
    }
}

impl Start for Bare {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let mut command = command.clone();
            let script = self.copied().to_str().unwrap().to_owned();
            match command.argv[0].as_str() {
                COPIED => drop(command.argv.splice(..1, ["/bin/sh".to_owned(), script])),
                other => command.argv[0] = format!("/nonexistent/{other}"),
            }
            command.env.insert("PATH".to_owned(), "/nonexistent".to_owned());
            self.start.start(&command).await
        })
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            assert_eq!(target, COPIED);
            let text = std::fs::read(self.busybox().unwrap()).unwrap();
            let expected = CopySource::Bytes {
                content: text.clone().into(),
                mode: 0o755,
            };
            assert_eq!(source, expected);
            std::fs::write(self.copied(), text).unwrap();
            Ok(())
        })
    }

    fn busybox(&self) -> Option<PathBuf> {
        self.busybox.clone()
    }
}

#[tokio::test]
async fn image_without_programs_is_unsupported() {
    let (_manager, start) = inside().await;
    let target = (Ipv4Addr::LOCALHOST.into(), free_port());
    for (busybox, why) in [
        (None, "install a static BusyBox"),
        (Some("echo no applet >&2; exit 1\n"), "no applet"),
        (Some(""), "cannot be used instead: No such file"),
    ] {
        let bare = || Bare::new(Arc::clone(&start), busybox);
        let errors = [
            expose(bare(), free_port(), local(1)).await.unwrap_err(),
            forward(bare(), local(0), target).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("python3"), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}

/// A program that replies with the arguments and the input of `nc`.
const NC: &str = r#"[ "$1" = true ] && exit
echo "$*"
exec /bin/cat
"#;

#[tokio::test]
async fn port_of_an_image_without_programs_is_reached() {
    let (_manager, start) = inside().await;
    let bare = Bare::new(start, Some(NC));
    for port in [1, 2] {
        let target = (Ipv4Addr::LOCALHOST.into(), port);
        let (_relay, at) = forward(bare.clone(), local(0), target).await.unwrap();
        let reply = exchange(at, b"text".to_vec()).await;
        assert_eq!(reply, format!("nc 127.0.0.1 {port}\ntext").as_bytes());
        // The first copy serves again.
        std::fs::write(bare.busybox.as_ref().unwrap(), "").unwrap();
    }
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

/// A command that only prints.
#[derive(Debug)]
struct Printing(Vec<Chunk>);

struct Printed(std::vec::IntoIter<Chunk>);

impl Start for Printing {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        let printed = Printed(self.0.clone().into_iter());
        let execution = Execution::new(Box::new(printed), None, command);
        Box::pin(std::future::ready(Ok(execution)))
    }

    fn copy_in<'a>(&'a self, _: CopySource, _: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

impl RunningProcess for Printed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(std::future::ready(Ok(self.0.next())))
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(std::future::ready(Ok(ExitStatus::from_code(0))))
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn output_of_a_strange_program_is_bounded() {
    let endless = Chunk::Stdout(vec![b'x'; 1 << 20].into());
    let error = expose(Arc::new(Printing(vec![endless])), 80, local(1)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(error.to_string().contains("something else than lines"), "{error}");
    // Of its errors, only the beginning is kept.
    let mut errors = vec![Chunk::Stderr("address already in use\n".into())];
    errors.push(Chunk::Stderr(vec![b'x'; 1 << 20].into()));
    errors.push(Chunk::Stderr("last words".into()));
    let error = expose(Arc::new(Printing(errors)), 80, local(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(!format!("{error:?}").contains("last words"));
}

#[tokio::test]
async fn command_without_an_input_ends_the_connection() {
    let target = (Ipv4Addr::LOCALHOST.into(), 80);
    let start = Arc::new(Printing(vec![Chunk::Stdout("text".into())]));
    let (_relay, at) = forward(start, local(0), target).await.unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut reply = Vec::new();
    let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut reply)).await;
    assert_eq!(read.unwrap().unwrap(), 0);
}
