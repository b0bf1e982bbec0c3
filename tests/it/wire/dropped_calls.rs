//! Calls, bodies and streams that are dropped halfway leave nothing behind.

use std::time::Duration;

use engine_api::Docker;
use fake_engine::scripted::{MULTIPLEXED, ScriptedEngine, chunk, frame, open, upgraded};

use crate::support::{abandon_after, block_on, healthy, in_own_process, is_own_process};
use crate::wire::keep_alive::{gated, idle_connections};

/// The counted resources of this process: open files and threads.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    files: usize,
    threads: usize,
}

fn held() -> Held {
    let entries = |directory| std::fs::read_dir(directory).unwrap().count();
    Held {
        files: entries("/proc/self/fd"),
        threads: entries("/proc/self/task"),
    }
}

/// Waits until the process holds exactly these resources.
async fn is_held(expected: &Held) {
    for _ in 0..100 {
        if held() == *expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(held(), *expected);
}

/// Runs `work` between two counts in a process of its own. Afterwards everything must be free
/// again.
fn leaves_nothing<F: Future<Output = ()>>(test: &str, fake: &ScriptedEngine, work: impl FnOnce(Docker) -> F) {
    if !is_own_process() {
        return in_own_process(test, &[]);
    }
    let socket = fake.on_unix().unwrap();
    block_on(async {
        let before = held();
        work(socket.client()).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "tasks run on");
        fake.until(|counts| counts.live == 0).await;
        is_held(&before).await;
    });
}

/// An engine that sends pieces of a body without end.
fn following() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&["Transfer-Encoding: chunked"])).await?;
        peer.write(chunk("a line\n")).await?;
        peer.until_gone().await
    })
}

#[test]
fn a_thousand_bodies_opened_and_dropped() {
    let test = "wire::dropped_calls::a_thousand_bodies_opened_and_dropped";
    leaves_nothing(test, &following(), |docker| async move {
        for n in 0..1000 {
            let mut body = docker.raw("GET", "/follow").send().await.unwrap().body;
            if n % 2 == 0 {
                body.next().await.unwrap().unwrap();
            }
        }
    });
}

/// An engine that upgrades its connections, or sends pieces of an endless body.
fn streaming() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        let Some(request) = peer.request().await? else {
            return Ok(());
        };
        let bytes = match request.target.contains("/exec/") {
            true => [upgraded(&[MULTIPLEXED]), frame(1, "a")].concat(),
            false => [open(&[MULTIPLEXED]), frame(1, "a")].concat(),
        };
        peer.write(bytes).await?;
        peer.until_gone().await
    })
}

#[test]
fn a_thousand_streams_opened_and_dropped() {
    let test = "wire::dropped_calls::a_thousand_streams_opened_and_dropped";
    leaves_nothing(test, &streaming(), |docker| async move {
        for _ in 0..250 {
            let mut logs = docker.containers().logs("web", Default::default()).await.unwrap();
            logs.next().await.unwrap().unwrap();
            let mut exec = docker.execs().start("e1", Default::default()).await.unwrap();
            exec.output.next().await.unwrap().unwrap();
            drop(exec.input);
            drop(docker.images().pull("x", Default::default(), None).await.unwrap());
            drop(docker.system().events(Default::default()).await.unwrap());
        }
    });
}

#[test]
fn a_thousand_calls_dropped_at_any_point() {
    let test = "wire::dropped_calls::a_thousand_calls_dropped_at_any_point";
    leaves_nothing(test, &healthy(), |docker| async move {
        let mut finished = 0;
        for n in 0..1000 {
            let call = async {
                docker
                    .raw("POST", "/x")
                    .json("{}")
                    .send()
                    .await
                    .unwrap()
                    .body
                    .collect()
                    .await
            };
            finished += usize::from(abandon_after(call, n % 6).await);
        }
        assert!((1..1000).contains(&finished), "{finished} calls finished");
    });
}

#[test]
fn a_thousand_aborted_tasks() {
    let test = "wire::dropped_calls::a_thousand_aborted_tasks";
    leaves_nothing(test, &following(), |docker| async move {
        for n in 0..1000 {
            let docker = docker.clone();
            let call = async move {
                docker
                    .raw("GET", "/follow")
                    .send()
                    .await
                    .unwrap()
                    .body
                    .collect()
                    .await
            };
            let task = tokio::spawn(call);
            for _ in 0..n % 7 {
                tokio::task::yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn idle_connections_close_after_an_engine_restart() {
    if !is_own_process() {
        let test = "wire::dropped_calls::idle_connections_close_after_an_engine_restart";
        return in_own_process(test, &[]);
    }
    let (fake, gate) = gated();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    block_on(async {
        let before = held();
        idle_connections(&fake, &gate, &docker, 16).await;
        let _socket = socket.restart(&healthy()).unwrap();
        docker.system().ping().await.unwrap();
        // Both ends of one connection are in this process.
        let files = before.files + 2;
        is_held(&Held { files, ..before }).await;
    });
}
