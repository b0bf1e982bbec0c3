//! What is dropped halfway leaves nothing behind (A20).

use engine_api::Docker;
use tests::fake::{Fake, MULTIPLEXED, chunk, frame, open, upgraded};

use crate::help::{abandon_after, block_on, healthy, in_own_process, is_own_process};

/// What of this process is counted: open files and threads.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    files: usize,
    threads: usize,
}

fn held() -> Held {
    let entries = |folder| std::fs::read_dir(folder).unwrap().count();
    Held {
        files: entries("/proc/self/fd"),
        threads: entries("/proc/self/task"),
    }
}

/// Runs `work` between two counts, in a process of its own; all it held must be free again.
fn leaves_nothing<F: Future<Output = ()>>(test: &str, fake: &Fake, work: impl FnOnce(Docker) -> F) {
    if !is_own_process() {
        return in_own_process(test, &[]);
    }
    let socket = fake.on_unix().unwrap();
    block_on(async {
        let before = held();
        work(socket.client()).await;
        fake.until(|counts| counts.live == 0).await;
        for _ in 0..100 {
            if held() == before {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(held(), before);
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "tasks run on");
    });
}

/// An engine that sends pieces of a body and never ends it.
fn following() -> Fake {
    Fake::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&["Transfer-Encoding: chunked"])).await?;
        peer.write(chunk("a line\n")).await?;
        peer.until_gone().await
    })
}

#[test]
fn a_thousand_bodies_opened_and_dropped() {
    let test = "leaks::a_thousand_bodies_opened_and_dropped";
    leaves_nothing(test, &following(), |docker| async move {
        for n in 0..1000 {
            let mut body = docker.raw("GET", "/follow").send().await.unwrap().body;
            if n % 2 == 0 {
                body.next().await.unwrap().unwrap();
            }
        }
    });
}

/// An engine that hands over its connections, or sends pieces of an endless body.
fn streaming() -> Fake {
    Fake::new(|mut peer| async move {
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
fn a_thousand_logs_commands_pulls_and_events_opened_and_dropped() {
    let test = "leaks::a_thousand_logs_commands_pulls_and_events_opened_and_dropped";
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
    let test = "leaks::a_thousand_calls_dropped_at_any_point";
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
    let test = "leaks::a_thousand_aborted_tasks";
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
