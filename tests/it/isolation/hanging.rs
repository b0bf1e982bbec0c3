//! A Docker daemon that hangs, as after SIGSTOP: it accepts connections and does not answer. Calls
//! end with an error within their limits, and what is left is removed when it is back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{BoxStream, Connecting, Connector};
use fake_engine::{FakeEngine, Process};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, CopySource, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, Registry, Status,
};
use tests::chain;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

const IMAGE: &str = "busybox:latest";

/// A fake engine that can hang.
#[derive(Debug, Clone)]
struct Hanging {
    engine: FakeEngine,
    hangs: Arc<AtomicBool>,
}

impl Hanging {
    fn new() -> Self {
        Self {
            engine: FakeEngine::new().with_image(IMAGE),
            hangs: Arc::default(),
        }
    }

    fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::Relaxed);
    }
}

impl Connector for Hanging {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            Ok(Box::new(Stream {
                inner: self.engine.connect().await?,
                hangs: Arc::clone(&self.hangs),
                look: None,
            }) as BoxStream)
        })
    }

    fn address(&self) -> String {
        self.engine.address()
    }
}

/// A stream on which nothing arrives while the engine hangs.
struct Stream {
    inner: BoxStream,
    hangs: Arc<AtomicBool>,
    look: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.hangs.load(Ordering::Relaxed) {
            let pause = || Box::pin(sleep(Duration::from_millis(20)));
            ready!(self.look.get_or_insert_with(pause).as_mut().poll(cx));
            self.look = None;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_answers(cx));
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_answers(cx));
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn manager(daemon: &Hanging) -> Manager {
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(daemon.clone()));
    registry.register(engine).unwrap();
    Manager::new(registry)
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        ..EnvironmentSpec::default()
    }
}

async fn create(manager: &Manager) -> Environment {
    let created = manager.create(&EngineChoice::Auto, spec()).await;
    created.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Fails if something took longer than so many seconds on the paused clock.
fn within(seconds: u64, began: Instant, what: &str) {
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(seconds), "{what} took {took:?}");
}

/// It took 60 s each, and the drop as long again.
#[tokio::test(start_paused = true)]
async fn all_environments_are_given_up_after_five_seconds() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    let mut environments = Vec::new();
    for _ in 0..40 {
        environments.push(create(&manager).await);
    }
    daemon.hang(true);
    let began = Instant::now();
    let error = manager.shutdown().await.unwrap_err();
    within(7, began, "the shutdown");
    assert_eq!(error.failures().len(), 40);
    for failure in error.failures() {
        assert_eq!(failure.kind(), ErrorKind::Timeout, "{}", chain(failure));
    }
    assert_eq!(environments[0].status(), Status::Failed);
    let began = Instant::now();
    drop(environments);
    drop(manager);
    within(0, began, "the drop");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(daemon.engine.resources().len(), 40, "given up, and reported");
}

#[tokio::test(start_paused = true)]
async fn creation_on_a_hanging_daemon_is_an_error() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    create(&manager).await.destroy().await.unwrap();
    let selection = manager.select(&EngineChoice::Auto, &spec()).await.unwrap();
    daemon.hang(true);
    let began = Instant::now();
    let error = manager.create_on(&selection, spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(&error));
    within(31, began, "the creation");
    daemon.hang(false);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(daemon.engine.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn daemon_that_is_back_in_time_loses_nothing() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    let (first, second) = (create(&manager).await, create(&manager).await);
    daemon.hang(true);
    drop(second);
    let (destroyed, ()) = tokio::join!(first.destroy(), async {
        sleep(Duration::from_secs(4)).await;
        daemon.hang(false);
    });
    destroyed.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(daemon.engine.resources(), [""; 0]);
    // A later silence has a limit of its own.
    let third = create(&manager).await;
    daemon.hang(true);
    third.destroy().await.unwrap_err();
    daemon.hang(false);
    third.destroy().await.unwrap();
    assert_eq!(daemon.engine.resources(), [""; 0]);
}

/// It took 250 s, one environment after the other.
#[tokio::test(start_paused = true)]
async fn shutdown_removes_sixteen_at_the_same_time() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    let mut environments = Vec::new();
    for _ in 0..50 {
        environments.push(create(&manager).await);
    }
    daemon.engine.set_removal_delay(Duration::from_secs(5));
    let began = Instant::now();
    manager.shutdown().await.unwrap();
    within(25, began, "the shutdown");
    assert_eq!(daemon.engine.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn slow_removal_is_waited_for() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    let environment = create(&manager).await;
    daemon.engine.set_removal_delay(Duration::from_secs(20));
    environment.destroy().await.unwrap();
    assert_eq!(daemon.engine.resources(), [""; 0]);
}

/// The timeout of a command waited for the daemon, which did not kill the command.
#[tokio::test(start_paused = true)]
async fn timeout_of_a_command_is_an_error_in_time() {
    let daemon = Hanging::new();
    daemon
        .engine
        .on_command("hang", |_: Process| std::future::pending::<i32>());
    let manager = manager(&daemon);
    let environment = create(&manager).await;
    let command = Command {
        timeout: Some(Duration::from_secs(3)),
        ..Command::new(["hang"])
    };
    let execution = environment.execute(command).await.unwrap();
    daemon.hang(true);
    let began = Instant::now();
    let error = execution.output().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(&error));
    let error = environment.destroy().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(&error));
    within(3 + 7, began, "the timeout and the end");
    daemon.hang(false);
    sleep(Duration::from_secs(1)).await;
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_call_to_a_hanging_daemon_is_an_error() {
    let daemon = Hanging::new();
    let manager = manager(&daemon);
    let environment = create(&manager).await;
    daemon.hang(true);
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("x");
    let began = Instant::now();
    let grace = Duration::from_secs(2);
    let bytes = CopySource::bytes("x");
    for (what, result) in [
        (
            "execute",
            environment.execute(Command::new(["true"])).await.map(drop),
        ),
        ("copy in", environment.copy_in(bytes, "/x").await),
        ("copy out", environment.copy_out("/etc/passwd", &target).await),
        ("inspect", environment.inspect().await.map(drop)),
        ("stop", environment.stop(grace).await),
        ("kill", environment.kill(isolation::Signal::Kill).await),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{what}: {}", chain(&error));
    }
    within(4 * 31 + 2 + 8, began, "everything");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    daemon.hang(false);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        environment.run(Command::new(["true"])).await.unwrap().exit.code,
        0
    );
    environment.destroy().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(daemon.engine.resources(), [""; 0]);
}
