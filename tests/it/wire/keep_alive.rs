//! Connections are reused, and no request is sent twice.

use std::sync::Arc;

use engine_api::{Docker, ErrorKind};
use fake_engine::scripted::{ScriptedEngine, Socket, reply};
use tokio::sync::{Notify, watch};

use crate::support::{fails, healthy, pong, post};

/// An engine that closes the connection after each reply. `headers` may announce that.
fn closing(headers: &'static [&'static str]) -> ScriptedEngine {
    ScriptedEngine::new(move |mut peer| async move {
        peer.request().await?;
        peer.write(reply(200, headers, "{}")).await
    })
}

async fn post_often(fake: &ScriptedEngine, socket: Socket) {
    let docker = socket.client();
    for _ in 0..1000 {
        post(&docker).await.unwrap();
    }
    assert_eq!(fake.count("POST"), 1000);
}

#[tokio::test]
async fn posts_arrive_once_if_a_unix_socket_closes() {
    let fake = closing(&[]);
    post_often(&fake, fake.on_unix().unwrap()).await;
}

#[tokio::test]
async fn posts_arrive_once_if_unix_announces_the_close() {
    let fake = closing(&["Connection: close"]);
    post_often(&fake, fake.on_unix().unwrap()).await;
}

#[tokio::test]
async fn posts_arrive_once_if_tcp_closes() {
    let fake = closing(&[]);
    post_often(&fake, fake.on_tcp().unwrap()).await;
}

#[tokio::test]
async fn posts_arrive_once_if_tcp_announces_the_close() {
    let fake = closing(&["Connection: close"]);
    post_often(&fake, fake.on_tcp().unwrap()).await;
}

#[tokio::test]
async fn posts_on_a_unix_socket_share_one_connection() {
    let fake = healthy();
    let socket = fake.on_unix().unwrap();
    post_often(&fake, socket).await;
    assert_eq!(fake.counts().opened, 1);
}

#[tokio::test(start_paused = true)]
async fn five_pings_share_one_connection() {
    let fake = healthy();
    let docker = fake.client();
    for _ in 0..5 {
        docker.system().ping().await.unwrap();
        docker.system().ping_head().await.unwrap();
    }
    assert_eq!(fake.counts().opened, 1);
}

#[tokio::test]
async fn sixteen_callers_open_at_most_sixteen_connections() {
    let fake = healthy();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    let callers = (0..16).map(|_| {
        let docker = docker.clone();
        tokio::spawn(async move {
            for _ in 0..500 {
                docker.system().ping().await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(fake.counts().requests, 16 * 500);
    assert!(fake.counts().opened <= 16, "{:?}", fake.counts());
}

/// An engine that closes its idle connections on a signal.
fn tidy() -> (ScriptedEngine, watch::Sender<()>) {
    let tidy = watch::Sender::new(());
    let signal = tidy.clone();
    let fake = ScriptedEngine::new(move |mut peer| {
        let mut signal = signal.subscribe();
        async move {
            loop {
                tokio::select! {
                    request = peer.request() => match request? {
                        Some(request) => peer.write(pong(&request)).await?,
                        None => return Ok(()),
                    },
                    _ = signal.changed() => return Ok(()),
                }
            }
        }
    });
    (fake, tidy)
}

async fn survives_tidying(fake: &ScriptedEngine, tidy: &watch::Sender<()>, docker: &Docker) {
    for round in 1..=20 {
        post(docker).await.unwrap();
        docker.system().ping().await.unwrap();
        tidy.send_replace(());
        fake.until(|counts| counts.live == 0).await;
        assert_eq!((fake.count("POST"), fake.count("GET")), (round, round));
    }
}

#[tokio::test]
async fn closed_idle_connections_are_replaced_on_unix() {
    let (fake, tidy) = tidy();
    let socket = fake.on_unix().unwrap();
    survives_tidying(&fake, &tidy, &socket.client()).await;
}

#[tokio::test]
async fn closed_idle_connections_are_replaced_on_tcp() {
    let (fake, tidy) = tidy();
    let socket = fake.on_tcp().unwrap();
    survives_tidying(&fake, &tidy, &socket.client()).await;
}

/// An engine that replies to the first request of its first connection. It reads the second
/// request, and closes the connection without a reply.
fn dying() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        for n in 0.. {
            let Some(request) = peer.request().await? else {
                break;
            };
            if peer.number() == 0 && n == 1 {
                break;
            }
            peer.write(pong(&request)).await?;
        }
        Ok(())
    })
}

#[tokio::test]
async fn post_is_never_sent_again() {
    let fake = dying();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    post(&docker).await.unwrap();
    fails(post(&docker).await, ErrorKind::Disconnected);
    assert_eq!((fake.count("POST"), fake.counts().opened), (2, 1));
}

#[tokio::test]
async fn get_is_sent_again_on_a_fresh_connection() {
    for socket in [ScriptedEngine::on_unix, ScriptedEngine::on_tcp] {
        let fake = dying();
        let socket = socket(&fake).unwrap();
        let docker = socket.client();
        docker.system().ping().await.unwrap();
        docker.system().ping().await.unwrap();
        assert_eq!((fake.count("GET"), fake.counts().opened), (3, 2));
    }
}

#[tokio::test]
async fn get_failing_on_a_fresh_connection_is_not_retried() {
    let fake = ScriptedEngine::new(|mut peer| async move { peer.request().await.map(drop) });
    let socket = fake.on_unix().unwrap();
    fails(socket.client().system().ping().await, ErrorKind::Disconnected);
    assert_eq!(fake.count("GET"), 1);
}

#[tokio::test]
async fn get_with_a_partial_reply_is_not_retried() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(reply(200, &[], "")).await?;
        peer.request().await?;
        peer.write("HTTP/1.1 200 O").await
    });
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    docker.system().ping().await.unwrap();
    fails(docker.system().ping().await, ErrorKind::Disconnected);
    assert_eq!(fake.count("GET"), 2);
}

/// Opens `n` connections at once, all idle afterwards.
pub(crate) async fn idle_connections(fake: &ScriptedEngine, gate: &Notify, docker: &Docker, n: usize) {
    let calls = (0..n).map(|_| {
        let docker = docker.clone();
        tokio::spawn(async move { docker.system().ping().await.map(drop) })
    });
    let calls: Vec<_> = calls.collect();
    fake.until(|counts| counts.live == n && counts.requests == n)
        .await;
    gate.notify_waiters();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

/// An engine that replies to the first request of each connection on a signal, and to the others at
/// once.
pub(crate) fn gated() -> (ScriptedEngine, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let fake = ScriptedEngine::new(move |mut peer| {
        let opened = Arc::clone(&opened);
        async move {
            let mut first = true;
            loop {
                let signal = opened.notified();
                let Some(request) = peer.request().await? else {
                    return Ok(());
                };
                if std::mem::take(&mut first) {
                    signal.await;
                }
                peer.write(pong(&request)).await?;
            }
        }
    });
    (fake, gate)
}

#[tokio::test]
async fn calls_after_a_restart_share_one_new_connection() {
    for again in [post_once, ping_once] {
        let (fake, gate) = gated();
        let socket = fake.on_unix().unwrap();
        let docker = socket.client();
        idle_connections(&fake, &gate, &docker, 16).await;
        let reborn = healthy();
        let _socket = socket.restart(&reborn).unwrap();
        for _ in 0..20 {
            again(docker.clone()).await;
        }
        assert_eq!((reborn.counts().requests, reborn.counts().opened), (20, 1));
    }
}

type Called = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn post_once(docker: Docker) -> Called {
    Box::pin(async move { post(&docker).await.unwrap() })
}

fn ping_once(docker: Docker) -> Called {
    Box::pin(async move { docker.system().ping().await.map(drop).unwrap() })
}

#[tokio::test]
async fn more_than_sixteen_idle_connections_are_not_kept() {
    let (fake, gate) = gated();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    idle_connections(&fake, &gate, &docker, 20).await;
    fake.until(|counts| counts.live == 16).await;
}

#[tokio::test]
async fn an_idle_connection_ends_with_its_client() {
    let fake = healthy();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    docker.system().ping().await.unwrap();
    drop(docker);
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn unread_body_closes_its_connection() {
    let fake = healthy();
    let docker = fake.client();
    drop(docker.raw("GET", "/big").send().await.unwrap());
    fake.until(|counts| counts.live == 0).await;
    docker.system().ping().await.unwrap();
    assert_eq!(fake.counts().opened, 2);
}
