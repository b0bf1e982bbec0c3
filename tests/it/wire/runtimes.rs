//! One client in several runtimes, as in the `static` of a test suite.

use std::sync::LazyLock;

use engine_api::Docker;
use fake_engine::scripted::{ScriptedEngine, Socket};
use tokio::runtime::{Builder, Runtime};

use crate::support::{block_on, healthy, post};

struct Shared {
    fake: ScriptedEngine,
    _socket: Socket,
    docker: Docker,
}

impl Shared {
    fn new(listen: fn(&ScriptedEngine) -> std::io::Result<Socket>) -> Self {
        let fake = healthy();
        let socket = listen(&fake).unwrap();
        Self {
            docker: socket.client(),
            fake,
            _socket: socket,
        }
    }
}

async fn use_it(docker: &Docker) {
    post(docker).await.unwrap();
    docker.system().ping().await.unwrap();
}

#[test]
fn static_client_works_in_a_hundred_runtimes() {
    // A `static` is never dropped: the file of a Unix socket would stay.
    static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared::new(ScriptedEngine::on_tcp));
    for _ in 0..100 {
        block_on(use_it(&SHARED.docker));
    }
    assert_eq!(SHARED.fake.counts().requests, 200);
}

#[test]
fn two_runtimes_in_turn_each_keep_their_connection() {
    let shared = Shared::new(ScriptedEngine::on_unix);
    let runtimes = [Builder::new_current_thread(), Builder::new_multi_thread()];
    let runtimes = runtimes.map(|mut builder| builder.enable_all().build().unwrap());
    for _ in 0..50 {
        for runtime in &runtimes {
            runtime.block_on(use_it(&shared.docker));
        }
    }
    assert_eq!(
        (shared.fake.counts().requests, shared.fake.counts().opened),
        (200, 2)
    );
}

#[test]
fn ended_runtime_does_not_harm_the_others() {
    let silent_at_first = ScriptedEngine::new(|mut peer| async move {
        while peer.request().await?.is_some() {
            if peer.number() == 0 {
                return peer.until_gone().await;
            }
            peer.write(crate::support::pong(&Default::default())).await?;
        }
        Ok(())
    });
    let socket = silent_at_first.on_unix().unwrap();
    let docker = socket.client();
    let other = docker.clone();
    let runtime: Runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.spawn(async move { other.system().ping().await.map(drop) });
    block_on(silent_at_first.until(|counts| counts.requests == 1));
    drop(runtime);
    block_on(silent_at_first.until(|counts| counts.live == 0));
    block_on(use_it(&docker));
}

#[test]
fn a_call_without_a_runtime_is_an_error_not_a_panic() {
    let docker = Docker::unix("/nowhere/engine.sock");
    let waker = std::task::Waker::noop();
    let system = docker.system();
    let mut ping = Box::pin(system.ping());
    let outcome = ping.as_mut().poll(&mut std::task::Context::from_waker(waker));
    let std::task::Poll::Ready(outcome) = outcome else {
        panic!("it waits")
    };
    assert!(format!("{:#}", outcome.unwrap_err()).contains("runtime"));
}
