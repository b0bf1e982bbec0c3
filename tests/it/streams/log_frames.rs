//! The frames of stdout and stderr in the output of a process, and output that was cut.

use engine_api::containers::ReadLogs;
use engine_api::exec::StartExec;
use engine_api::{Chunk, Docker, Error, ErrorKind, Output, Version};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{
    MULTIPLEXED, RAW, Request, ScriptedEngine, chunked, frame, ok, open, reply, upgraded,
};

use crate::support::{fails, faulty_client};

/// An engine with one container, whose logs are `logs`. A ping returns the header `ping`.
fn engine(logs: Vec<u8>, tty: bool, ping: &'static str) -> ScriptedEngine {
    ScriptedEngine::answering(move |request: &Request| match request.target.as_str() {
        "/_ping" => reply(200, &["Api-Version: 1.51", ping], "OK"),
        path if path.ends_with("/json") => ok(&format!(r#"{{"Config":{{"Tty":{tty}}}}}"#)),
        _ => logs.clone(),
    })
}

const DOCKER: &str = "Server: Docker/28.5.2 (linux)";
const PODMAN: &str = "Libpod-Api-Version: 5.4.2";

async fn logs(docker: &Docker) -> Output {
    docker
        .containers()
        .logs("web", ReadLogs::default())
        .await
        .unwrap()
}

/// All chunks, and the error at the end if there is one. Nothing may follow an error.
async fn all(mut output: Output) -> (Vec<Chunk>, Option<Error>) {
    let mut chunks = Vec::new();
    while let Some(chunk) = output.next().await {
        match chunk {
            Ok(chunk) => chunks.push(chunk),
            Err(error) => {
                assert!(output.next().await.is_none(), "something follows {error}");
                return (chunks, Some(error));
            }
        }
    }
    assert!(output.next().await.is_none());
    (chunks, None)
}

async fn clean(output: Output) -> Vec<Chunk> {
    let (chunks, error) = all(output).await;
    assert!(error.is_none(), "{error:?}");
    chunks
}

fn out(text: &'static str) -> Chunk {
    Chunk::Stdout(text.into())
}

#[tokio::test(start_paused = true)]
async fn announced_frames_need_no_inspect() {
    let bytes = [
        frame(1, "a"),
        frame(2, "b"),
        frame(0, "c"),
        frame(1, ""),
        frame(1, "d"),
    ];
    let fake = engine(chunked(&[MULTIPLEXED], bytes), true, DOCKER);
    let chunks = clean(logs(&fake.client()).await).await;
    assert_eq!(chunks, [out("a"), Chunk::Stderr("b".into()), out("c"), out("d")]);
    assert_eq!(fake.counts().requests, 1);
}

#[tokio::test(start_paused = true)]
async fn terminal_output_passes_byte_for_byte() {
    for first in 0..=4 {
        let bytes = [&[first, 0, 0, 0, 0, 0, 0, 1][..], b"x\xff\0 the rest"].concat();
        let fake = engine(chunked(&[RAW], [&bytes]), false, DOCKER);
        let chunks = clean(logs(&fake.docker()).await).await;
        assert_eq!(chunks, [Chunk::Terminal(bytes.into())]);
    }
}

#[tokio::test(start_paused = true)]
async fn older_api_inspects_the_container() {
    let frames = frame(1, "a");
    for headers in [&[][..], &[RAW]] {
        for tty in [true, false] {
            let fake = engine(chunked(headers, [&frames]), tty, DOCKER);
            let chunks = clean(logs(&fake.docker().with_version(Version::new(1, 41))).await).await;
            let expected = if tty {
                Chunk::Terminal(frames.clone().into())
            } else {
                out("a")
            };
            assert_eq!(chunks, [expected], "{headers:?} {tty}");
            assert!(fake.requests().contains(&"GET /v1.41/containers/web/json".into()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn podmans_content_type_for_frames_is_ignored() {
    let fake = engine(chunked(&[RAW], [frame(1, "a")]), false, PODMAN);
    assert_eq!(clean(logs(&fake.docker()).await).await, [out("a")]);
    let fake = engine(chunked(&[RAW], ["a"]), true, PODMAN);
    assert_eq!(
        clean(logs(&fake.docker()).await).await,
        [Chunk::Terminal("a".into())]
    );
}

#[tokio::test(start_paused = true)]
async fn fixed_version_inspects_instead_of_pinging() {
    for tty in [true, false] {
        let fake = engine(chunked(&[RAW], [frame(1, "a")]), tty, DOCKER);
        let expected = if tty {
            Chunk::Terminal(frame(1, "a").into())
        } else {
            out("a")
        };
        assert_eq!(clean(logs(&fake.client()).await).await, [expected]);
        assert!(!fake.requests().iter().any(|line| line.contains("_ping")));
    }
}

#[tokio::test(start_paused = true)]
async fn exec_terminal_decides_without_a_content_type() {
    for tty in [true, false] {
        let fake = ScriptedEngine::cut([upgraded(&[]), frame(1, "a")].concat());
        let options = StartExec {
            tty,
            ..Default::default()
        };
        let hijacked = fake.client().execs().start("e1", options).await.unwrap();
        let expected = if tty {
            Chunk::Terminal(frame(1, "a").into())
        } else {
            out("a")
        };
        assert_eq!(clean(hijacked.output).await, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn engine_error_comes_after_the_frames_before_it() {
    let bytes = [
        frame(1, "a"),
        frame(3, "Error grabbing logs: EOF\n"),
        frame(1, "b"),
    ];
    let fake = engine(chunked(&[MULTIPLEXED], bytes), false, DOCKER);
    for docker in [fake.client(), faulty_client(&fake, Fault::Pieces(1))] {
        let (chunks, error) = all(logs(&docker).await).await;
        assert_eq!(chunks, [out("a")]);
        let error = fails(Err::<(), _>(error.unwrap()), ErrorKind::Stream);
        assert_eq!(error.message(), Some("Error grabbing logs: EOF"));
        assert_eq!(
            (error.operation(), error.subject()),
            (Some("ContainerLogs"), Some("web"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_an_unknown_type_is_an_error() {
    for kind in [4, 5, b'$', 255] {
        let fake = engine(
            chunked(&[MULTIPLEXED], [frame(1, "a"), frame(kind, "x")]),
            false,
            DOCKER,
        );
        let (chunks, error) = all(logs(&fake.client()).await).await;
        assert_eq!(chunks, [out("a")]);
        fails(Err::<(), _>(error.unwrap()), ErrorKind::Protocol);
    }
}

#[tokio::test(start_paused = true)]
async fn four_gigabyte_header_allocates_nothing() {
    let claim = [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let fake = ScriptedEngine::once([&open(&[MULTIPLEXED])[..], &claim, b"abc"].concat());
    let mut output = logs(&fake.client()).await;
    assert_eq!(output.next().await.unwrap().unwrap(), out("abc"));
}

async fn cut(bytes: &[u8]) -> (Vec<Chunk>, Error) {
    let fake = ScriptedEngine::cut([&open(&[MULTIPLEXED])[..], bytes].concat());
    let (chunks, error) = all(logs(&fake.client()).await).await;
    (
        chunks,
        fails(Err::<(), _>(error.expect("a clean end")), ErrorKind::Truncated),
    )
}

#[tokio::test(start_paused = true)]
async fn output_cut_inside_a_header_keeps_the_partial() {
    let (chunks, error) = cut(&[&frame(1, "a")[..], &[1, 0, 0]].concat()).await;
    assert_eq!((chunks, error.partial()), (vec![out("a")], Some(&[1, 0, 0][..])));
}

#[tokio::test(start_paused = true)]
async fn output_cut_inside_a_payload_keeps_the_partial() {
    let (chunks, error) = cut(&[&[1, 0, 0, 0, 0, 0, 3, 0xe8], &b"only ten b"[..]].concat()).await;
    assert_eq!((chunks, error.partial()), (vec![], Some(&b"only ten b"[..])));
    let text = error.to_string();
    assert!(
        text.contains("10 of 1000 bytes") && text.contains("ContainerLogs web"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn output_without_the_last_chunk_is_an_error() {
    let bytes = chunked(&[MULTIPLEXED], [frame(1, "a")]);
    let fake = ScriptedEngine::cut(&bytes[..bytes.len() - 5]);
    let (chunks, error) = all(logs(&fake.client()).await).await;
    assert_eq!(chunks, [out("a")]);
    fails(Err::<(), _>(error.unwrap()), ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn output_is_the_same_in_pieces_of_any_size() {
    let frames = [frame(1, "one"), frame(2, [b'e'; 300]), frame(1, "two")];
    let bytes = chunked(&[MULTIPLEXED], [frames.concat()]);
    let expected = [out("one"), Chunk::Stderr(vec![b'e'; 300].into()), out("two")];
    let fake = ScriptedEngine::once(bytes.clone());
    let splits = (0..bytes.len()).map(Fault::SplitAt);
    for how in splits.chain((1..30).map(Fault::Pieces)) {
        assert_eq!(
            clean(logs(&faulty_client(&fake, how)).await).await,
            expected,
            "{how:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn logs_of_no_stream_are_rejected_before_sending() {
    let fake = ScriptedEngine::once(Vec::new());
    let options = ReadLogs {
        stdout: false,
        stderr: false,
        ..Default::default()
    };
    fails(
        fake.client().containers().logs("web", options).await,
        ErrorKind::InvalidInput,
    );
    assert_eq!(fake.counts().opened, 0);
}
