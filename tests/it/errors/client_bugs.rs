//! Twelve situations that two widely used clients get wrong, with one test each.

use std::time::Duration;

use engine_api::containers::{InspectContainer, ListContainers, ReadLogs, RemoveContainer};
use engine_api::error::Phase;
use engine_api::exec::StartExec;
use engine_api::{Chunk, Docker, ErrorKind, Timeouts};
use fake_engine::scripted::{MULTIPLEXED, RAW, ScriptedEngine, frame, ok, open, reply, upgraded};
use tokio::time::Instant;

use crate::support::{fails, healthy};

async fn read_logs(fake: &ScriptedEngine) -> Vec<engine_api::Result<Chunk>> {
    let docker = fake.client();
    let mut output = docker
        .containers()
        .logs("web", ReadLogs::default())
        .await
        .unwrap();
    let mut items = Vec::new();
    while let Some(item) = output.next().await {
        items.push(item);
    }
    items
}

fn framed(bytes: &[u8]) -> ScriptedEngine {
    ScriptedEngine::cut([&open(&[MULTIPLEXED])[..], bytes].concat())
}

async fn exec_output(docker: &Docker) -> Vec<u8> {
    let hijacked = docker.execs().start("e1", StartExec::default()).await.unwrap();
    hijacked.output.collect().await.unwrap().0.to_vec()
}

#[tokio::test(start_paused = true)]
async fn frame_in_the_packet_of_the_101_is_not_lost() {
    let together = ScriptedEngine::cut([upgraded(&[MULTIPLEXED]), frame(1, "hello")].concat());
    assert_eq!(exec_output(&together.client()).await, b"hello");
}

#[tokio::test(start_paused = true)]
async fn frame_some_time_after_the_101_is_not_lost() {
    let apart = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(upgraded(&[MULTIPLEXED])).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.write(frame(1, "hello")).await
    });
    assert_eq!(exec_output(&apart.client()).await, b"hello");
}

#[tokio::test(start_paused = true)]
async fn unknown_state_does_not_fail_the_list() {
    let fake = ScriptedEngine::once(ok(
        r#"[{"Id":"a","State":"hibernating"},{"Id":"b","State":"running"}]"#,
    ));
    let found = fake
        .client()
        .containers()
        .list(ListContainers::default())
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn engine_error_between_frames_is_an_error() {
    let items = read_logs(&framed(
        &[frame(1, "out"), frame(3, "broken"), frame(2, "err")].concat(),
    ))
    .await;
    assert_eq!(items[0].as_ref().unwrap(), &Chunk::Stdout("out".into()));
    assert_eq!(items[1].as_ref().unwrap_err().message(), Some("broken"));
    assert_eq!(items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn terminal_output_may_begin_with_a_one_byte() {
    let fake = ScriptedEngine::answering(|request| match request.target.as_str() {
        "/_ping" => reply(200, &["Api-Version: 1.51"], ""),
        _ => reply(200, &[RAW], b"\x01\0\0\0\0\0\0\x05hello"),
    });
    let docker = fake.docker();
    let output = docker
        .containers()
        .logs("web", ReadLogs::default())
        .await
        .unwrap();
    assert_eq!(
        output.collect().await.unwrap().0,
        &b"\x01\0\0\0\0\0\0\x05hello"[..]
    );
}

#[tokio::test(start_paused = true)]
async fn cut_inside_a_payload_is_an_error() {
    let mut items = read_logs(&framed(b"\x01\0\0\0\0\0\x03\xe8only ten b")).await;
    let error = fails(items.pop().unwrap(), ErrorKind::Truncated);
    assert_eq!(error.partial(), Some(&b"only ten b"[..]));
}

#[tokio::test(start_paused = true)]
async fn cut_inside_a_header_is_an_error() {
    let mut items = read_logs(&framed(b"\x01\0\0")).await;
    fails(items.pop().unwrap(), ErrorKind::Truncated);
}

#[tokio::test(start_paused = true)]
async fn stalled_body_times_out() {
    let second = Duration::from_secs(1);
    let fake = ScriptedEngine::once([&open(&["Content-Length: 100"])[..], b"[{"].concat());
    let docker = fake.client().with_timeouts(Timeouts {
        idle: Some(second),
        ..Timeouts::default()
    });
    let start = Instant::now();
    let error = fails(
        docker.containers().list(ListContainers::default()).await,
        ErrorKind::Timeout,
    );
    assert_eq!((error.phase(), start.elapsed()), (Some(Phase::Body), second));
}

#[tokio::test(start_paused = true)]
async fn pull_fails_with_the_old_error_field_alone() {
    let fake = ScriptedEngine::once(ok(r#"{"error":"no space left on device"}"#));
    let docker = fake.client();
    let pull = docker
        .images()
        .pull("busybox", Default::default(), None)
        .await
        .unwrap();
    let error = fails(pull.last().await, ErrorKind::Stream);
    assert_eq!(error.message(), Some("no space left on device"));
}

#[tokio::test(start_paused = true)]
async fn half_a_second_is_not_rounded() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
        peer.write(reply(200, &[], "OK")).await
    });
    let half = Some(Duration::from_millis(500));
    let limits = Timeouts {
        connect: half,
        head: half,
        idle: half,
        total: half,
    };
    fake.client().with_timeouts(limits).system().ping().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn archive_upload_has_one_content_type() {
    let fake = healthy();
    let docker = fake.client();
    docker
        .containers()
        .upload("web", "/", "tar", Default::default())
        .await
        .unwrap();
    let request = fake.received().remove(0);
    let types = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(
        types.collect::<Vec<_>>(),
        [&("content-type".into(), "application/x-tar".into())]
    );
}

#[tokio::test(start_paused = true)]
async fn name_never_leads_to_another_route() {
    let fake = healthy();
    let docker = fake.client();
    let containers = docker.containers();
    drop(
        containers
            .inspect("../images/json?all=1#", InspectContainer::default())
            .await,
    );
    assert_eq!(
        fake.requests(),
        ["GET /v1.51/containers/..%2Fimages%2Fjson%3Fall=1%23/json"]
    );
    for name in ["..", ".", "", " "] {
        fails(
            containers.remove(name, RemoveContainer::default()).await,
            ErrorKind::InvalidInput,
        );
    }
    assert_eq!(fake.count("DELETE"), 0);
}

#[tokio::test(start_paused = true)]
async fn five_pings_share_one_connection() {
    let fake = healthy();
    let docker = fake.client();
    for _ in 0..5 {
        docker.system().ping().await.unwrap();
    }
    assert_eq!(fake.counts().opened, 1);
}
