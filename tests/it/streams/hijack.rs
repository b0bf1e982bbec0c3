//! Hijacked connections, which carry bytes in both directions after the head of the reply:
//! half-close, and bytes that arrive together with the head.

use std::io;
use std::time::Duration;

use engine_api::connect::{BoxStream, Connecting, Connector};
use engine_api::exec::StartExec;
use engine_api::{Chunk, Docker, ErrorKind, Hijacked, Result, Version};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{MULTIPLEXED, Peer, RAW, ScriptedEngine, frame, reply, upgraded};
use tokio::io::BufStream;

use crate::support::{abandon_after, fails, faulty_client, pong};

async fn start(docker: &Docker) -> Result<Hijacked> {
    docker.execs().start("e1", StartExec::default()).await
}

const MIB: usize = 1024 * 1024;

/// A command that copies its input, but writes nothing before its input has ended.
async fn cat(mut peer: Peer) -> io::Result<()> {
    peer.request().await?;
    peer.write(upgraded(&[MULTIPLEXED])).await?;
    let input = peer.to_end().await?;
    for piece in input.chunks(30_000) {
        peer.write(frame(1, piece)).await?;
    }
    Ok(())
}

async fn a_mebibyte_comes_back(docker: &Docker) {
    let sent: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
    let Hijacked {
        mut input, output, ..
    } = start(docker).await.unwrap();
    input.write(&sent).await.unwrap();
    input.close().await.unwrap();
    let (out, err) = output.collect().await.unwrap();
    assert!(
        out == sent && err.is_empty(),
        "{} of {MIB} bytes came back",
        out.len()
    );
}

#[tokio::test(start_paused = true)]
async fn output_continues_after_the_input_is_closed() {
    a_mebibyte_comes_back(&ScriptedEngine::new(cat).client()).await;
}

#[tokio::test]
async fn closed_input_is_seen_over_unix_and_tcp() {
    for socket in [ScriptedEngine::on_unix, ScriptedEngine::on_tcp] {
        let socket = socket(&ScriptedEngine::new(cat)).unwrap();
        a_mebibyte_comes_back(&socket.client()).await;
    }
}

/// A connector with a buffer that keeps written bytes until a flush, as TLS may.
#[derive(Debug)]
struct Buffered(ScriptedEngine);

impl Connector for Buffered {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let stream = self.0.connect().await?;
            Ok(Box::new(BufStream::new(stream)) as BoxStream)
        })
    }

    fn address(&self) -> String {
        self.0.address()
    }
}

/// A process with input and output.
async fn echo(mut peer: Peer) -> io::Result<()> {
    peer.request().await?;
    peer.write(upgraded(&[MULTIPLEXED])).await?;
    let line = peer.take(4).await?;
    peer.write(frame(1, &line)).await?;
    peer.until_gone().await
}

#[tokio::test(start_paused = true)]
async fn input_reaches_the_process_at_once() {
    let docker = Docker::with_connector(Buffered(ScriptedEngine::new(echo))).with_version(Version::NEWEST);
    let mut talk = start(&docker).await.unwrap();
    talk.input.write(b"ping").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(1), talk.output.next()).await;
    assert_eq!(answer.unwrap().unwrap().unwrap().bytes(), "ping");
}

#[tokio::test(start_paused = true)]
async fn closed_input_rejects_writes_and_closes_again() {
    let mut hijacked = start(&ScriptedEngine::new(cat).client()).await.unwrap();
    hijacked.input.close().await.unwrap();
    hijacked.input.close().await.unwrap();
    fails(hijacked.input.write(b"more").await, ErrorKind::InvalidInput);
}

#[tokio::test(start_paused = true)]
async fn dropped_input_is_not_closed() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(upgraded(&[MULTIPLEXED])).await?;
        tokio::select! {
            _ = peer.to_end() => Ok(()),
            () = tokio::time::sleep(Duration::from_secs(9)) => Err(io::ErrorKind::TimedOut.into()),
        }
    });
    let Hijacked {
        input, mut output, ..
    } = start(&fake.client()).await.unwrap();
    drop(input);
    let before = tokio::time::Instant::now();
    assert!(output.next().await.is_none());
    assert_eq!(before.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn input_fails_once_the_process_is_gone() {
    let fake = ScriptedEngine::cut(upgraded(&[MULTIPLEXED]));
    let mut hijacked = start(&fake.client()).await.unwrap();
    fake.until(|counts| counts.live == 0).await;
    fails(hijacked.input.write(&[0; MIB]).await, ErrorKind::Disconnected);
    hijacked.input.close().await.unwrap();
}

fn two_frames() -> Vec<u8> {
    [upgraded(&[MULTIPLEXED]), frame(1, "out"), frame(2, "err")].concat()
}

async fn comes_whole(docker: &Docker, how: Fault) {
    let mut output = start(docker).await.unwrap().output;
    let mut chunks = Vec::new();
    while let Some(chunk) = output.next().await {
        chunks.push(chunk.unwrap());
    }
    let expected = [Chunk::Stdout("out".into()), Chunk::Stderr("err".into())];
    assert_eq!(chunks, expected, "{how:?}");
}

#[tokio::test(start_paused = true)]
async fn frames_are_whole_wherever_the_reply_is_split() {
    let fake = ScriptedEngine::cut(two_frames());
    let splits = (0..=two_frames().len()).map(Fault::SplitAt);
    let pieces = (1..20).map(Fault::Pieces);
    for how in splits.chain(pieces).chain([Fault::Together]) {
        comes_whole(&faulty_client(&fake, how), how).await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_are_whole_when_bytes_come_one_by_one() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        for byte in two_frames() {
            peer.write([byte]).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    comes_whole(&fake.client(), Fault::Pieces(1)).await;
    comes_whole(&faulty_client(&fake, Fault::Together), Fault::Together).await;
}

#[tokio::test]
async fn frames_with_the_head_are_not_lost_on_a_socket() {
    let socket = ScriptedEngine::cut(two_frames()).on_unix().unwrap();
    comes_whole(&socket.client(), Fault::Together).await;
}

#[tokio::test(start_paused = true)]
async fn hijacked_output_cut_inside_a_frame_is_an_error() {
    let bytes = two_frames();
    let head = upgraded(&[MULTIPLEXED]).len();
    let fake = ScriptedEngine::once(bytes.clone());
    for at in head..bytes.len() {
        let output = start(&faulty_client(&fake, Fault::CutAt(at)))
            .await
            .unwrap()
            .output;
        let clean = at == head || at == head + frame(1, "out").len();
        match output.collect().await {
            Ok(_) => assert!(clean, "cut at {at}"),
            Err(error) => assert!(
                error.kind() == ErrorKind::Truncated && !clean,
                "cut at {at}: {error}"
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_cut_at_any_byte_is_an_error() {
    let fake = ScriptedEngine::once(two_frames());
    for at in 0..upgraded(&[MULTIPLEXED]).len() {
        let docker = faulty_client(&fake, Fault::CutAt(at));
        fails(start(&docker).await, ErrorKind::Disconnected);
    }
}

#[tokio::test(start_paused = true)]
async fn reply_without_an_upgrade_is_an_error() {
    let fake = ScriptedEngine::cut(reply(200, &[RAW], "all output"));
    let error = fails(start(&fake.client()).await, ErrorKind::Protocol);
    assert!(error.to_string().contains("Upgrade"), "{error}");
    let fake = ScriptedEngine::cut(reply(409, &["Content-Type: text/plain"], "is paused\n"));
    let error = fails(start(&fake.client()).await, ErrorKind::Api);
    assert_eq!(error.message(), Some("is paused"));
}

#[tokio::test(start_paused = true)]
async fn upgrade_headers_are_sent() {
    let fake = ScriptedEngine::cut(two_frames());
    start(&fake.client()).await.unwrap();
    let request = fake.received().remove(0);
    assert_eq!(
        (&*request.method, &*request.target),
        ("POST", "/v1.51/exec/e1/start")
    );
    assert_eq!(request.header("connection"), Some("Upgrade"));
    assert_eq!(request.header("upgrade"), Some("tcp"));
    assert_eq!(request.header("content-type"), Some("application/json"));
}

/// An engine that upgrades a connection if the request asks for it, and replies normally otherwise.
fn mixed() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        while let Some(request) = peer.request().await? {
            if request.header("upgrade").is_none() {
                peer.write(pong(&request)).await?;
                continue;
            }
            peer.write(two_frames()).await?;
            peer.finish().await?;
            return peer.until_gone().await;
        }
        Ok(())
    })
}

#[tokio::test]
async fn hijacked_connection_is_never_reused() {
    let fake = mixed();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    for _ in 0..10 {
        docker.system().ping().await.unwrap();
        start(&docker).await.unwrap().output.collect().await.unwrap();
        fake.until(|counts| counts.live == 0).await;
    }
    assert_eq!((fake.counts().opened, fake.counts().requests), (10, 20));
}

#[tokio::test]
async fn connection_ends_when_both_halves_are_dropped() {
    let fake = mixed();
    let socket = fake.on_unix().unwrap();
    let Hijacked { input, output, .. } = start(&socket.client()).await.unwrap();
    drop(input);
    output.collect().await.unwrap();
    fake.until(|counts| counts.live == 0).await;
}

#[tokio::test(start_paused = true)]
async fn abandoned_read_loses_nothing() {
    let fake = ScriptedEngine::cut(two_frames());
    let mut output = start(&faulty_client(&fake, Fault::Pieces(1)))
        .await
        .unwrap()
        .output;
    let mut bytes = Vec::new();
    loop {
        let mut next = None;
        let mut ended = false;
        abandon_after(
            async {
                next = output.next().await;
                ended = next.is_none();
            },
            0,
        )
        .await;
        match next {
            Some(chunk) => bytes.extend_from_slice(chunk.unwrap().bytes()),
            None if ended => break,
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(bytes, b"outerr");
}
