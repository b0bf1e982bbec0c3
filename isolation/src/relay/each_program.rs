#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests, too

// Relays through each of the programs that an image may have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::tests::{echo_at_the_end, exchange, free_port, inside, local};
use super::{Start, expose, forward};
use crate::{BoxFuture, Command, CopySource, Execution, Result};

/// The name of a program in the image, and that on this machine. Each forwards both ends.
const PROGRAMS: [(&str, &str); 4] = [
    ("python3", "python3"),
    ("perl", "perl"),
    ("nc", "busybox"),
    ("socat", "socat"),
];

/// The timeout until a connection ends.
const LONG: Duration = Duration::from_secs(60);

/// An image with a few programs.
#[derive(Debug)]
struct Few {
    start: Arc<dyn Start>,
    directory: tempfile::TempDir,
}

impl Few {
    /// `name` is the program that connects or listens, `path` that on this machine.
    fn new(start: Arc<dyn Start>, name: &str, path: &str) -> Arc<Self> {
        let directory = tempfile::tempdir().unwrap();
        let link = |name: &str, path: &str| {
            std::os::unix::fs::symlink(path, directory.path().join(name)).unwrap();
        };
        link(name, path);
        for name in ["sh", "cat", "dd", "mkdir", "mkfifo", "readlink", "rm", "sleep"] {
            link(name, &found(name).unwrap());
        }
        Arc::new(Self { start, directory })
    }
}

impl Start for Few {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        let mut command = command.clone();
        let path = self.directory.path().to_str().unwrap().to_owned();
        command.env.insert("PATH".to_owned(), path);
        Box::pin(async move { self.start.start(&command).await })
    }

    fn copy_in<'a>(&'a self, _: CopySource, _: &'a str) -> BoxFuture<'a, Result<()>> {
        unreachable!("there is no BusyBox")
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

/// The path of a program of this machine.
fn found(name: &str) -> Option<String> {
    let places = ["/usr/bin", "/bin", "/usr/local/bin"].map(|directory| format!("{directory}/{name}"));
    places
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
}

/// Sends a text, and closes the connection.
async fn greet(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
    }
}

/// A client waited for ever, because socat, bash and some versions of nc waited for its end.
#[tokio::test]
async fn end_of_a_service_reaches_the_client() {
    let greeting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let replying = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let [greeter, replier] = [&greeting, &replying].map(|one| one.local_addr().unwrap());
    tokio::spawn(greet(greeting));
    tokio::spawn(echo_at_the_end(replying));
    let (_manager, start) = inside().await;
    let mut tried = 0;
    for (name, program) in PROGRAMS.into_iter().chain([("bash", "bash")]) {
        let Some(path) = found(program) else { continue };
        tried += 1;
        let image = Few::new(Arc::clone(&start), name, &path);
        let target = (greeter.ip(), greeter.port());
        let (_relay, at) = forward(image.clone(), local(0), target).await.unwrap();
        let mut stream = TcpStream::connect(at).await.unwrap();
        let mut text = String::new();
        let reading = stream.read_to_string(&mut text);
        let read = timeout(LONG, reading).await;
        read.unwrap_or_else(|_| panic!("{program}: the connection is open"))
            .unwrap();
        assert_eq!(text, "hello", "{program}");
        if program != "bash" {
            let target = (replier.ip(), replier.port());
            let (_relay, at) = forward(image, local(0), target).await.unwrap();
            assert_eq!(exchange(at, b"text".to_vec()).await, b"got text", "{program}");
        }
    }
    assert!(tried > 0, "this machine has no program that connects");
}

#[tokio::test]
async fn each_program_exposes_a_service() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = service.local_addr().unwrap();
    tokio::spawn(echo_at_the_end(service));
    let (_manager, start) = inside().await;
    let mut tried = 0;
    for (name, program) in PROGRAMS {
        let Some(path) = found(program) else { continue };
        tried += 1;
        let image = Few::new(Arc::clone(&start), name, &path);
        let port = free_port();
        let relay = expose(image, port, address).await;
        let relay = relay.unwrap_or_else(|error| panic!("{program}: {error}"));
        let large: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let texts = [b"one".to_vec(), Vec::new(), large];
        let exchanges = texts
            .clone()
            .map(|text| tokio::spawn(exchange(local(port), text)));
        for (text, reply) in texts.into_iter().zip(exchanges) {
            let reply = reply.await.unwrap();
            assert!(reply == [b"got ".to_vec(), text].concat(), "{program}");
        }
        // A connection that stays open does not keep the program.
        let _open = TcpStream::connect(local(port)).await.unwrap();
        drop(relay);
        let closed = async {
            while TcpStream::connect(local(port)).await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, closed)
            .await
            .unwrap_or_else(|_| panic!("{program} listens"));
    }
    assert!(tried > 0, "this machine has no program that listens");
}
