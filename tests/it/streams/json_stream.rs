//! Streams of JSON values, in pieces of any size.

use engine_api::containers::{ReadStats, Stats};
use engine_api::{Docker, ErrorKind, JsonLines, Result};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{JSON, ScriptedEngine, chunk, chunked, open};

use crate::support::{fails, faulty_client};

async fn stats(docker: &Docker) -> JsonLines<Stats> {
    docker
        .containers()
        .stats("web", ReadStats::default())
        .await
        .unwrap()
}

/// The names in the values; the tests look at nothing else.
async fn names(mut lines: JsonLines<Stats>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while let Some(item) = lines.next().await {
        names.push(item?.name);
    }
    assert!(lines.next().await.is_none());
    Ok(names)
}

const VALUES: [&str; 3] = [
    r#"{"name":"/é\"}{"}"#,
    r#"{"name":"b","x":[{"y":"]"}]}"#,
    r#"{"name":"c"}"#,
];
const NAMES: [&str; 3] = ["/é\"}{", "b", "c"];

#[tokio::test(start_paused = true)]
async fn values_are_the_same_in_pieces_of_any_size() {
    for separator in ["\n", "\r\n", "", "\n\r\n \n", "\u{1e}"] {
        for last in ["", separator] {
            let text = VALUES.join(separator) + last;
            let bytes = [&open(&[JSON])[..], text.as_bytes()].concat();
            let fake = ScriptedEngine::cut(bytes.clone());
            let splits = (0..bytes.len()).map(Fault::SplitAt);
            for how in splits
                .chain([1, 2, 3, 7].map(Fault::Pieces))
                .chain([Fault::Together])
            {
                let names = names(stats(&faulty_client(&fake, how)).await).await.unwrap();
                assert_eq!(names, NAMES, "{separator:?} {how:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn values_may_cross_chunk_borders() {
    let text = VALUES.join("\r\n");
    let fake = ScriptedEngine::once(chunked(&[JSON], text.as_bytes().chunks(1)));
    assert_eq!(names(stats(&fake.client()).await).await.unwrap(), NAMES);
}

#[tokio::test(start_paused = true)]
async fn each_value_is_returned_before_the_next_arrives() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&["Transfer-Encoding: chunked"])).await?;
        peer.write(chunk(r#"{"name":"a"}"#)).await?;
        peer.until_gone().await
    });
    let mut lines = stats(&fake.client()).await;
    assert_eq!(lines.next().await.unwrap().unwrap().name, "a");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_values_ends_cleanly() {
    for text in ["", "\n", " \r\n\r\n"] {
        let fake = ScriptedEngine::once(chunked(&[JSON], [text].iter().filter(|text| !text.is_empty())));
        assert!(names(stats(&fake.client()).await).await.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn cut_value_is_an_error_with_the_partial_bytes() {
    let text = VALUES[0];
    for at in 1..text.len() {
        let bytes = [
            &open(&[JSON])[..],
            b"{\"name\":\"whole\"}\n",
            &text.as_bytes()[..at],
        ]
        .concat();
        let mut lines = stats(&ScriptedEngine::cut(bytes).client()).await;
        assert_eq!(lines.next().await.unwrap().unwrap().name, "whole");
        let error = fails(lines.next().await.unwrap(), ErrorKind::Truncated);
        assert_eq!(error.partial(), Some(&text.as_bytes()[..at]));
        assert!(lines.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn value_of_another_shape_names_its_path() {
    let fake = ScriptedEngine::once(chunked(
        &[JSON],
        [r#"{"name":"a"}"#, r#"{"cpu_stats":{"online_cpus":"x"}}"#],
    ));
    let mut lines = stats(&fake.client()).await;
    lines.next().await.unwrap().unwrap();
    let error = fails(lines.next().await.unwrap(), ErrorKind::Decode);
    assert!(
        error.to_string().contains("ContainerStats web") && error.to_string().contains("online_cpus"),
        "{error}"
    );
    assert!(lines.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn invalid_json_is_an_error_and_ends_the_stream() {
    for text in ["<html>oops</html>", "{\"name\":}", "}{", "]"] {
        let fake = ScriptedEngine::once(chunked(&[JSON], [text]));
        let mut lines = stats(&fake.client()).await;
        assert!(lines.next().await.unwrap().is_err(), "{text}");
        assert!(lines.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn finished_stream_returns_its_connection() {
    let fake = ScriptedEngine::answering(|_| chunked(&[JSON], VALUES));
    let docker = fake.client();
    for _ in 0..5 {
        names(stats(&docker).await).await.unwrap();
    }
    assert_eq!(fake.counts().opened, 1);
}
