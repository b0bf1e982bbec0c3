//! Helpers that several modules use.

use std::future::poll_fn;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use engine_api::{Docker, Error, ErrorKind};
use engine_fixtures::faults::{Fault, Faulty};
use fake_engine::scripted::{Request, ScriptedEngine, reply};

/// The reply of a healthy engine to a ping.
pub(crate) fn pong(_request: &Request) -> Vec<u8> {
    reply(200, &["Api-Version: 1.51"], "OK")
}

/// A client of a scripted engine whose connections have a fault.
pub(crate) fn faulty_client(engine: &ScriptedEngine, fault: Fault) -> Docker {
    engine.client_through(|engine| Faulty::new(engine, fault))
}

/// An engine that replies to every request as to a ping.
pub(crate) fn healthy() -> ScriptedEngine {
    ScriptedEngine::answering(pong)
}

/// The error of a ping whose reply is `bytes`. The connection stays open.
pub(crate) async fn ping_error(bytes: impl Into<Vec<u8>>) -> Error {
    let outcome = ScriptedEngine::once(bytes).client().system().ping().await;
    outcome.expect_err("the ping succeeds")
}

/// Sends a `POST` and reads its reply; the status does not matter.
pub(crate) async fn post(docker: &Docker) -> engine_api::Result<()> {
    let reply = docker.raw("POST", "/things").json("{}").send().await?;
    reply.body.collect().await.map(drop)
}

/// Asserts that a call failed in a certain way.
#[track_caller]
pub(crate) fn fails<T>(outcome: engine_api::Result<T>, kind: ErrorKind) -> Error {
    match outcome {
        Ok(_) => panic!("the call succeeded instead of failing with {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// Polls `future` until it has been pending `waits` times, then drops it. Returns whether it
/// finished before that.
pub(crate) async fn abandon_after<F: Future>(future: F, waits: usize) -> bool {
    let mut future = pin!(future);
    let mut left = waits;
    poll_fn(|cx| {
        if future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        Poll::Pending
    })
    .await
}

/// Whether this is the process that [`in_own_process`] started.
pub(crate) fn is_own_process() -> bool {
    std::env::var_os(OWN_PROCESS).is_some()
}

const OWN_PROCESS: &str = "TEST_IN_OWN_PROCESS";

/// Runs the test of this name again in a process of its own, with environment variables. No other
/// test opens files or starts threads in that process.
pub(crate) fn in_own_process(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(OWN_PROCESS, "1").envs(variables.iter().copied());
    let output = command.args(["--exact", test]).output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{test}: {out}{err}"
    );
}

/// Runs `future` in a fresh runtime of one thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// An engine that replies with `start` and then with up to 100 MB of the letter x, and a count of
/// the bytes it has written.
pub(crate) fn endless(start: impl AsRef<[u8]>) -> (ScriptedEngine, Arc<AtomicUsize>) {
    let start: Arc<[u8]> = start.as_ref().into();
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let fake = ScriptedEngine::new(move |mut peer| {
        let (start, count) = (Arc::clone(&start), Arc::clone(&count));
        async move {
            peer.request().await?;
            peer.write(start).await?;
            while count.load(Ordering::Relaxed) < 100_000_000 {
                peer.write(&[b'x'; 10_000]).await?;
                count.fetch_add(10_000, Ordering::Relaxed);
            }
            Ok(())
        }
    });
    (fake, written)
}
