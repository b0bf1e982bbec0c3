//! `serve`, as a client in another language sees it: lines of JSON.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::client::Client;

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[tokio::test]
async fn end_of_input_destroys_what_is_not_kept() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let first = client.environment().await;
    let kept = client.environment().await;
    client.result("keep", json!({"environment": kept})).await;
    let id = client.exec(&first, "echo $$; exec sleep 100000", json!({})).await;
    let pid = client.wait_for(id, "output").await;
    assert_eq!(entries(base.path()), 2);
    client.end().await.unwrap();
    assert_eq!(entries(base.path()), 1);
    let pid = pid["stdout"]["text"].as_str().unwrap().trim().to_owned();
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut again = Client::greeted(base.path()).await;
    let opened = again.result("open", json!({"environment": kept})).await;
    assert_eq!(opened["status"], "running");
    again.result("destroy", json!({"environment": kept})).await;
    assert_eq!(entries(base.path()), 0);
    again.end().await.unwrap();
}

#[tokio::test]
async fn requests_are_answered_as_they_end() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let slow = client
        .exec(
            &environment,
            "while [ ! -e go ]; do sleep 0.01; done; exit 7",
            json!({}),
        )
        .await;
    let quick = client
        .exec(&environment, "echo out; echo err >&2; exit 3", json!({}))
        .await;
    assert_eq!(client.wait_for(quick, "result").await["exit"]["code"], 3);
    let copy = json!({"environment": environment, "target": "go", "content": {"base64": "/w=="}});
    client.begin("copy_in", copy).await;
    // The answer to the copy may come before or after this one.
    assert_eq!(client.wait_for(slow, "result").await["exit"]["code"], 7);
    let kind = client
        .result("file_kind", json!({"environment": environment, "path": "go"}))
        .await;
    assert_eq!(kind["kind"], "file");
    assert_eq!(std::fs::read(find(base.path(), "go")).unwrap(), [0xff]);
    client.end().await.unwrap();
}

fn find(base: &Path, name: &str) -> std::path::PathBuf {
    let environment = std::fs::read_dir(base).unwrap().next().unwrap().unwrap().path();
    environment.join("root").join(name)
}

#[tokio::test]
async fn output_waits_for_the_window() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let script = "printf '%s' 0123456789; touch done";
    let id = client.exec(&environment, script, json!({"window": 4})).await;
    assert_eq!(client.wait_for(id, "output").await["stdout"]["text"], "0123");
    // Nothing more comes, although the command has ended.
    client
        .result(
            "wait_until",
            json!({"environment": environment, "condition": {"file": "done"}}),
        )
        .await;
    client.note("more", json!({"request": id, "bytes": 100})).await;
    assert_eq!(client.wait_for(id, "output").await["stdout"]["text"], "4567");
    assert_eq!(client.wait_for(id, "output").await["stdout"]["text"], "89");
    assert_eq!(client.wait_for(id, "result").await["exit"]["code"], 0);
    client.end().await.unwrap();
}

#[tokio::test]
async fn input_is_confirmed_and_ended() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let id = client
        .exec(&environment, "cat; exit 5", json!({"input": "piped"}))
        .await;
    client
        .note("input", json!({"request": id, "data": {"text": "größe\n"}}))
        .await;
    assert_eq!(client.wait_for(id, "more").await, 8);
    client.note("end_input", json!({"request": id})).await;
    assert_eq!(client.wait_for(id, "result").await["exit"]["code"], 5);
    // A late signal and late input do nothing.
    client
        .note("input", json!({"request": id, "data": {"text": "late"}}))
        .await;
    client
        .result("signal", json!({"request": id, "signal": "KILL"}))
        .await;
    let id = client.exec(&environment, "sleep 100000", json!({})).await;
    client.wait_for(id, "started").await;
    client
        .result("signal", json!({"request": id, "signal": "KILL"}))
        .await;
    assert_eq!(client.wait_for(id, "result").await["exit"]["code"], 137);
    client.end().await.unwrap();
}

#[tokio::test]
async fn cancelled_request_ends_what_it_began() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let id = client
        .exec(&environment, "echo $$; exec sleep 100000", json!({}))
        .await;
    let pid = client.wait_for(id, "output").await["stdout"]["text"].take();
    client.note("cancel", json!({"request": id})).await;
    let error = client.wait_for(id, "error").await;
    assert_eq!(error["kind"], "cancelled");
    let alive = format!("kill -0 {} || echo gone", pid.as_str().unwrap().trim());
    loop {
        let id = client.exec(&environment, &alive, json!({})).await;
        let mut gone = false;
        loop {
            let line = client.read().await;
            gone |= line["output"]["stdout"]["text"] == "gone\n";
            if line["id"] == id && !line["result"].is_null() {
                break;
            }
        }
        if gone {
            break;
        }
    }
    // Events have no end: they end when they are cancelled.
    let events = client.begin("events", json!({})).await;
    client.wait_for(events, "started").await;
    client
        .result("stop", json!({"environment": environment, "grace": 0}))
        .await;
    let seen = client.begin("start", json!({"environment": environment})).await;
    assert_eq!(client.wait_for(events, "event").await["type"], "stopped");
    client.wait_for(seen, "result").await;
    client.note("cancel", json!({"request": events})).await;
    assert_eq!(client.wait_for(events, "error").await["kind"], "cancelled");
    client.end().await.unwrap();
}

#[tokio::test]
async fn beginning_of_an_id_leaves_the_owner() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let beginning = &environment.as_str().unwrap()[..8];
    for method in ["inspect", "open", "inspect"] {
        let seen = client.result(method, json!({"environment": beginning})).await;
        assert_eq!(seen["status"], "running", "{method}");
    }
    assert_eq!(entries(base.path()), 1);
    client.end().await.unwrap();
    assert_eq!(entries(base.path()), 0, "the connection does not own it any more");
}

#[tokio::test]
async fn every_signal_is_answered() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let script = "trap '' USR1; echo ready; while :; do sleep 0.05; done";
    let id = client.exec(&environment, script, json!({"window": 1})).await;
    client.wait_for(id, "output").await;
    let first = client.next + 1;
    for _ in 0..100 {
        client
            .begin("signal", json!({"request": id, "signal": "USR1"}))
            .await;
    }
    client.note("cancel", json!({"request": id})).await;
    let mut open: std::collections::BTreeSet<u64> = (first..=client.next).chain([id]).collect();
    while !open.is_empty() {
        let line = client.read().await;
        if !line["result"].is_null() || !line["error"].is_null() {
            open.remove(&line["id"].as_u64().unwrap());
        }
    }
    client.end().await.unwrap();
}

#[tokio::test]
async fn wrong_request_is_an_error_of_its_own() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::new(base.path());
    let early = client.error("engines", json!({})).await;
    assert!(early["message"].as_str().unwrap().contains("hello"), "{early}");
    let newer = client.error("hello", json!({"versions": [7]})).await;
    assert_eq!(newer["kind"], "unsupported");
    client
        .result("hello", json!({"versions": [1], "of_a_later_version": true}))
        .await;
    for (method, params, kind, word) in [
        ("hello", json!({"versions": [1]}), "invalid_input", "before"),
        ("fly", json!({}), "unsupported", "fly"),
        ("exec", json!({"environment": "x"}), "invalid_input", "command"),
        (
            "create",
            json!({"spec": {"imaeg": "x"}}),
            "invalid_input",
            "imaeg",
        ),
        ("create", json!({"engine": "no-such"}), "no_engine", "basic"),
        (
            "create",
            json!({"spec": {"image": "busybox"}}),
            "unsupported",
            "images",
        ),
        (
            "inspect",
            json!({"environment": "0123456789abcdef"}),
            "lost",
            "removed",
        ),
        (
            "inspect",
            json!({"environment": "web"}),
            "not_found",
            "no environment",
        ),
    ] {
        let error = client.error(method, params).await;
        assert_eq!(error["kind"], kind, "{method}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(word),
            "{method}: {error}"
        );
    }
    client.end().await.unwrap();
}

#[tokio::test]
async fn line_that_is_no_request_ends_the_connection() {
    let base = tempfile::tempdir().unwrap();
    let long = format!("{{\"id\": 1, \"method\": \"{}\"}}", "x".repeat(1 << 20));
    let twice = "{\"id\": 9, \"method\": \"watch\", \"params\": {}}";
    let slow = r#"{"id": 9, "method": "exec", "params": {"environment": "ID", "command": {"argv": ["sleep", "9999"]}}}"#;
    for (line, word) in [
        ("no json", "not a request"),
        ("[1, 2]", "not a request"),
        (r#"{"method": "engines", "params": {}}"#, "no ID"),
        (long.as_str(), "longer than"),
    ] {
        let mut client = Client::greeted(base.path()).await;
        client.environment().await;
        client.line(line).await;
        let error = loop {
            let mut read = client.read().await;
            if read["id"].is_null() {
                break read["error"].take();
            }
        };
        let text = error.to_string();
        assert!(text.contains(word), "{line:.40}: {text}");
        assert_eq!(
            client.serving.await.unwrap().unwrap_err().operation(),
            Some("serve the client")
        );
        assert_eq!(entries(base.path()), 0, "something is left");
    }
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let slow = slow.replace("ID", environment.as_str().unwrap());
    client.line(&slow).await;
    client.wait_for(9, "started").await;
    client.line(twice).await;
    let error = client.serving.await.unwrap().unwrap_err();
    assert!(error.to_string().contains('9'), "{error}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn half_a_line_at_the_end_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    client.environment().await;
    client.to.write_all(b"{\"id\": 9, \"meth").await.unwrap();
    let error = client.end().await.unwrap_err();
    assert!(format!("{error:?}").contains("has no end"), "{error:?}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn more_input_than_allowed_ends_the_connection() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let id = client
        .exec(&environment, "sleep 100000", json!({"input": "piped"}))
        .await;
    client.wait_for(id, "started").await;
    let piece = json!({"method": "input", "params": {"request": id, "data": {"text": "x".repeat(32 << 10)}}});
    let piece = format!("{piece}\n");
    let flood = async { while client.to.write_all(piece.as_bytes()).await.is_ok() {} };
    let drain = async {
        let mut line = String::new();
        while client
            .from
            .read_line(&mut line)
            .await
            .is_ok_and(|count| count > 0)
            && !line.contains("error")
        {}
        line
    };
    let (error, ()) = tokio::join!(drain, async {
        let _ = tokio::time::timeout(Duration::from_secs(60), flood).await;
    });
    assert!(error.contains("more input"), "{error}");
    client.serving.await.unwrap().unwrap_err();
    assert_eq!(entries(base.path()), 0, "something is left");
}
