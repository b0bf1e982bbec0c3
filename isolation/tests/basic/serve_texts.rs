//! Texts of any length in the requests of a client of `serve`: no answer repeats them.

use serde_json::{Value, json};

use crate::client::Client;

/// The most bytes of an error. A path may have 4096.
const MOST: usize = 12_000;

#[tokio::test]
async fn text_of_a_request_is_not_repeated() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let long = "x".repeat(200_000);
    let path = format!("/{long}");
    let in_it = |more: Value| {
        let mut params = json!({"environment": environment});
        let more = more.as_object().unwrap().clone();
        params.as_object_mut().unwrap().extend(more);
        params
    };
    let spec = |field: &str, value: Value| json!({"spec": {field: value}});
    let mut long_errors: Vec<String> = Vec::new();
    for (method, params) in [
        ("probe", json!({"engine": long})),
        ("list", json!({"engine": long})),
        ("create", json!({"engine": long})),
        ("create", json!({"id": long})),
        ("create", json!({"name": long})),
        ("create", spec("name", json!(long))),
        ("create", spec("user", json!(long))),
        ("create", spec("env", json!({format!("{long}="): "1"}))),
        ("create", spec("env", json!({long.clone(): "a\0b"}))),
        ("create", spec("working_dir", json!(format!("../{long}")))),
        ("create", spec("copies", json!([{"source": path, "target": "x"}]))),
        (
            "create",
            spec("mounts", json!([{"source": {"host": "/"}, "target": long}])),
        ),
        (
            "create",
            spec("ready", json!({"wait_for": {"log": format!("({long}")}})),
        ),
        ("create", spec("security", json!({"add_capabilities": [long]}))),
        ("create", spec("limits", json!({"memory": long}))),
        ("create", spec("network", json!({"ports": [long]}))),
        ("create", spec("network", json!({"join": [long]}))),
        (
            "create",
            spec("engine_options", json!({"basic": {long.clone(): 1}})),
        ),
        ("open", json!({"environment": long})),
        ("inspect", json!({"environment": long})),
        ("destroy", json!({"environment": long})),
        ("remove", json!({"environment": long})),
        (
            "exec",
            in_it(json!({"command": {"argv": [""], "working_dir": path}})),
        ),
        (
            "exec",
            in_it(json!({"command": {"argv": ["true"], "user": long}})),
        ),
        ("kill", in_it(json!({"signal": long}))),
        ("copy_in", in_it(json!({"source": path, "target": "x"}))),
        (
            "copy_in",
            in_it(json!({"content": {"text": "x"}, "target": format!("../{long}")})),
        ),
        ("copy_out", in_it(json!({"source": path, "target": "/tmp/x"}))),
        ("copy_out", in_it(json!({"source": "x", "target": path}))),
        ("file_kind", in_it(json!({"path": format!("../{long}")}))),
        ("rename", in_it(json!({"name": long}))),
        ("connect_network", in_it(json!({"network": long}))),
        ("disconnect_network", in_it(json!({"network": long}))),
        ("list_packages", in_it(json!({"manager": long}))),
        (
            "install_packages",
            in_it(json!({"manager": "pip", "names": [format!("-{long}")]})),
        ),
        (
            "wait_until",
            in_it(json!({"condition": {"http": {"port": 80, "path": long}}, "timeout": 1})),
        ),
        ("wait_until", in_it(json!({"condition": long, "timeout": 1}))),
        ("fork", in_it(json!({"count": 1, "name": long}))),
        ("bundle", in_it(json!({"directory": path}))),
        ("explain", in_it(json!({"program": long, "more": 1}))),
    ] {
        let id = client.begin(method, params).await;
        let error = loop {
            let answer = client.read().await;
            assert!(answer["result"].is_null(), "{method}: {answer:.300}");
            if answer["id"] == id && answer["error"].is_object() {
                break answer["error"].to_string();
            }
        };
        if error.len() > MOST {
            let beginning: String = error.chars().take(200).collect();
            long_errors.push(format!("{method}: {} bytes: {beginning}", error.len()));
        }
    }
    assert_eq!(long_errors, [""; 0]);
    client.end().await.unwrap();
}
