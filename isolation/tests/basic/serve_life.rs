//! Creations of a client of `serve`, and what it sends to a command that takes no signal.

use std::collections::BTreeSet;
use std::sync::Arc;

use isolation::engines::basic::BasicEngine;
use isolation::{EnvironmentId, Registry};
use serde_json::json;
use tokio::sync::Notify;

use crate::client::Client;
use crate::scripted::{Scripted, ScriptedEngine};

#[tokio::test]
async fn creation_may_start_and_may_choose_the_engine() {
    let base = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base.path())).unwrap();
    registry.register(ScriptedEngine(Scripted::default())).unwrap();
    let mut client = Client::of(registry);
    let welcome = client.result("hello", json!({"versions": [1]})).await;
    assert_eq!(welcome["engines"], json!(["basic", "scripted"]));
    let id = EnvironmentId::random();
    for (params, engine, status) in [
        (json!({}), "basic", "running"),
        (json!({"engine": "auto", "start": false}), "basic", "created"),
        (json!({"engine": "scripted"}), "scripted", "running"),
        (json!({"id": id, "start": true}), "basic", "running"),
    ] {
        // An empty line has no meaning.
        client.line("  ").await;
        let made = client.result("create", params.clone()).await;
        assert_eq!(
            (&made["engine"], &made["status"]),
            (&json!(engine), &json!(status)),
            "{params}"
        );
        if params.get("id").is_some() {
            assert_eq!(made["id"], json!(id));
        }
        let of = json!({"environment": made["id"]});
        client.result("destroy", of).await;
    }
    client.end().await.unwrap();
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn signals_that_wait_are_bounded_and_answered() {
    let script = Scripted::default();
    let signals = Arc::new(Notify::new());
    script.with(|script| script.stuck = Some(Arc::clone(&signals)));
    let mut registry = Registry::new();
    registry.register(ScriptedEngine(script.clone())).unwrap();
    let mut client = Client::of(registry);
    client.result("hello", json!({"versions": [1]})).await;
    let environment = client.environment().await;
    let command = client.exec(&environment, "sleep 1000", json!({})).await;
    client.wait_for(command, "started").await;
    let signal = json!({"request": command, "signal": "TERM"});
    let mut open = BTreeSet::new();
    // One is under way, 64 wait.
    for _ in 0..70 {
        open.insert(client.begin("signal", signal.clone()).await);
    }
    let refused = loop {
        let line = client.read().await;
        if !line["error"].is_null() {
            break line;
        }
    };
    assert_eq!(refused["error"]["kind"], "conflict", "{refused}");
    let text = refused["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("64 signals wait for the command; send fewer"),
        "{text}"
    );
    open.remove(&refused["id"].as_u64().unwrap());
    client.note("cancel", json!({"request": command})).await;
    let mut late = 0;
    while !open.is_empty() {
        let line = client.read().await;
        let is_answered = !line["result"].is_null() || !line["error"].is_null();
        if is_answered && open.remove(&line["id"].as_u64().unwrap()) {
            late += usize::from(!line["result"].is_null());
        }
    }
    assert!(late >= 64, "{late}");
    script.with(|script| script.stuck = None);
    client.end().await.unwrap();
}
