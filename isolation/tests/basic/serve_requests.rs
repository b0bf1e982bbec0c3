//! Single requests of a client of `serve`: the answer or the error of each.

use isolation::{EnvironmentId, ExitStatus, Health, Observed, Registry};
use serde_json::{Value, json};

use crate::client::Client;
use crate::scripted::{Scripted, ScriptedEngine};

/// The maximum number of requests under way, as the protocol says.
const REQUESTS: u64 = 4096;

fn text<'v>(error: &'v Value, field: &str) -> &'v str {
    error[field].as_str().unwrap_or_default()
}

/// A client of an engine that does what a test tells it.
async fn scripted() -> (Client, Scripted) {
    let script = Scripted::default();
    let mut registry = Registry::new();
    registry.register(ScriptedEngine(script.clone())).unwrap();
    let mut client = Client::of(registry);
    client.result("hello", json!({"versions": [1]})).await;
    (client, script)
}

#[tokio::test]
async fn engines_and_environments_are_listed() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let engines = client.result("engines", json!({})).await;
    assert_eq!(engines["engines"][0]["name"], "basic", "{engines}");
    let available = &engines["engines"][0]["availability"]["available"]["detail"];
    assert!(available.is_string(), "{engines}");
    let probe = client.result("probe", json!({"engine": "basic"})).await;
    assert_eq!(&probe["availability"]["available"]["detail"], available);
    for params in [json!({}), json!({"engine": "basic"})] {
        let listed = client.result("list", params).await;
        assert_eq!(listed["environments"][0]["id"], environment, "{listed}");
        assert_eq!(listed["environments"].as_array().unwrap().len(), 1, "{listed}");
    }
    let error = client.error("list", json!({"engine": "docker"})).await;
    assert!(text(&error, "message").contains("docker"), "{error}");
    client.end().await.unwrap();
}

#[tokio::test]
async fn server_without_an_engine_says_so() {
    let mut client = Client::of(Registry::new());
    let welcome = client.result("hello", json!({"versions": [1]})).await;
    assert_eq!(welcome["engines"], json!([]));
    let engines = client.result("engines", json!({})).await;
    assert_eq!(engines["engines"], json!([]));
    let error = client.error("probe", json!({})).await;
    assert_eq!(
        (text(&error, "kind"), text(&error, "message")),
        ("not_found", "no engine is offered"),
        "{error}"
    );
    client.end().await.unwrap();
}

#[tokio::test]
async fn request_that_an_engine_lacks_is_unsupported() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let of = json!({"environment": environment});
    let network = json!({"environment": environment, "network": "n", "aliases": []});
    let name = json!({"environment": environment, "network": "n"});
    for (method, params) in [
        ("pause", &of),
        ("unpause", &of),
        ("networks", &of),
        ("endpoints", &of),
        ("disk_usage", &of),
        ("recreate", &of),
        ("wait", &of),
        ("connect_network", &network),
        ("disconnect_network", &name),
    ] {
        let error = client.error(method, params.clone()).await;
        let kind = text(&error, "kind");
        assert!(
            ["unsupported", "wrong_status"].contains(&kind),
            "{method}: {error}"
        );
    }
    let error = client.error("start_attached", of.clone()).await;
    assert_eq!(text(&error, "kind"), "conflict", "{error}");
    // No request of these changed it.
    let state = client.result("inspect", of).await;
    assert_eq!(state["status"], "running", "{state}");
    let copy = json!({"environment": environment, "target": "x"});
    let error = client.error("copy_in", copy).await;
    assert!(
        text(&error, "message").contains("either `source` or `content`"),
        "{error}"
    );
    client.end().await.unwrap();
}

#[tokio::test]
async fn creation_of_a_fork_needs_its_point_and_an_id() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let error = client.error("create", json!({"fork": 7})).await;
    assert!(
        text(&error, "message").contains("use the method `fork`"),
        "{error}"
    );
    let id = EnvironmentId::random();
    let error = client.error("create", json!({"fork": 7, "id": id})).await;
    assert!(text(&error, "message").contains('7'), "{error}");
    let listed = client.result("list", json!({})).await;
    assert_eq!(listed["environments"], json!([]), "something is left");
    let made = client
        .result("create", json!({"id": id, "name": "web", "start": false}))
        .await;
    assert_eq!(
        (&made["id"], &made["name"], &made["status"]),
        (&json!(id), &json!("web"), &json!("created"))
    );
    // The connection knows it by its name.
    let opened = client.result("open", json!({"environment": "web"})).await;
    assert_eq!(opened["id"], made["id"]);
    client.end().await.unwrap();
}

#[tokio::test]
async fn removed_environment_is_forgotten() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let of = json!({"environment": environment});
    let removed = client.result("remove", of.clone()).await;
    assert_eq!(removed["removed"], true);
    let again = client.result("remove", of.clone()).await;
    assert_eq!(again["removed"], false);
    // Somebody else has removed it, so there is nothing to do.
    client.result("destroy", of).await;
    let error = client.error("destroy", json!({"environment": "web"})).await;
    assert_eq!(text(&error, "kind"), "not_found", "{error}");

    let lost = client.environment().await;
    let directory = std::fs::read_dir(base.path()).unwrap().next().unwrap().unwrap();
    std::fs::remove_dir_all(directory.path()).unwrap();
    let error = client.error("open", json!({"environment": lost})).await;
    assert!(["lost", "not_found"].contains(&text(&error, "kind")), "{error}");
    client.end().await.unwrap();
}

#[tokio::test]
async fn request_beyond_the_maximum_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let mut last = 0;
    for _ in 0..REQUESTS {
        last = client.begin("events", json!({})).await;
        // Every answer is read, so that the server never waits for this client.
        assert_eq!(client.wait_for(last, "started").await, true);
    }
    let error = client.error("engines", json!({})).await;
    assert_eq!(text(&error, "kind"), "conflict", "{error}");
    assert!(
        text(&error, "message").contains("4096 requests are under way"),
        "{error}"
    );
    client.note("cancel", json!({"request": last})).await;
    let error = client.wait_for(last, "error").await;
    assert_eq!(text(&error, "kind"), "cancelled");
    // The end of the task is noticed after its answer.
    loop {
        let id = client.begin("engines", json!({})).await;
        let answer = loop {
            let line = client.read().await;
            if line["id"] == id {
                break line;
            }
        };
        if answer["error"].is_null() {
            break;
        }
    }
    client.end().await.unwrap();
}

#[tokio::test]
async fn signal_for_a_stream_without_a_command_is_answered() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let log = json!({"environment": environment, "origin": "commands", "follow": true});
    let log = client.begin("logs", log).await;
    client.wait_for(log, "started").await;
    for (method, params) in [
        ("signal", json!({"request": log, "signal": "TERM"})),
        (
            "resize",
            json!({"request": log, "size": {"columns": 80, "rows": 24}}),
        ),
        ("signal", json!({"request": 9999, "signal": "TERM"})),
    ] {
        assert_eq!(client.result(method, params).await, json!({}), "{method}");
    }
    // Input for a request without an input has no effect, and the request goes on.
    client
        .note("input", json!({"request": log, "data": {"text": "x"}}))
        .await;
    client.note("more", json!({"request": 9999, "bytes": 1})).await;
    client.note("end_input", json!({"request": 9999})).await;
    client
        .result("inspect", json!({"environment": environment}))
        .await;
    client.note("cancel", json!({"request": log})).await;
    assert_eq!(client.wait_for(log, "error").await["kind"], "cancelled");
    client.end().await.unwrap();
}

#[tokio::test]
async fn reports_of_an_engine_are_passed_on() {
    let (mut client, script) = scripted().await;
    let request = client.begin("reports", json!({})).await;
    client.wait_for(request, "started").await;
    let id = EnvironmentId::random();
    script.report(&id, Observed::Paused);
    let report = client.wait_for(request, "report").await;
    assert_eq!(
        (&report["id"], &report["observed"]),
        (&json!(id), &json!("paused"))
    );
    script.reports().gap();
    assert_eq!(client.wait_for(request, "missed").await, 0);
    script.reports().ended("the daemon is gone");
    let error = client.wait_for(request, "error").await;
    assert_eq!(
        (text(&error, "kind"), text(&error, "message")),
        ("engine", "the daemon is gone"),
        "{error}"
    );
    client.end().await.unwrap();
}

#[tokio::test]
async fn watch_lasts_until_it_is_cancelled() {
    let (mut client, script) = scripted().await;
    let environment = client.environment().await;
    let events = client.begin("events", json!({})).await;
    client.wait_for(events, "started").await;
    let watch = client.begin("watch", json!({"engine": "scripted"})).await;
    client.wait_for(watch, "started").await;
    let id: EnvironmentId = environment.as_str().unwrap().parse().unwrap();
    script.report(&id, Observed::OutOfMemory);
    let event = client.wait_for(events, "event").await;
    assert!(event.to_string().contains("out_of_memory"), "{event}");
    assert_eq!(script.with(|script| script.watches), 1);
    client.note("cancel", json!({"request": watch})).await;
    assert_eq!(client.wait_for(watch, "error").await["kind"], "cancelled");
    client.end().await.unwrap();
}

#[tokio::test]
async fn packages_are_those_of_the_program_inside() {
    let base = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let spec = json!({"spec": {"env": {"PATH": "/nonexistent"}}});
    let environment = client.result("create", spec).await["id"].take();
    for (method, more) in [
        ("list_packages", json!({})),
        ("list_packages", json!({"digests": true})),
        ("install_packages", json!({"names": ["requests"]})),
        ("uninstall_packages", json!({"names": ["requests"]})),
    ] {
        let mut params = more;
        params["environment"] = environment.clone();
        let error = client.error(method, params).await;
        let all = error.to_string();
        assert!(
            !all.contains("panicked") && !text(&error, "message").is_empty(),
            "{method}: {all}"
        );
    }
    client.end().await.unwrap();
}

#[tokio::test]
async fn bundle_names_its_directory_and_the_cause() {
    let base = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let mut client = Client::greeted(base.path()).await;
    let environment = client.environment().await;
    let of = json!({"environment": environment});
    assert_eq!(client.result("image_check", of).await, json!({"check": null}));
    let id = client.exec(&environment, "no-such-program", json!({})).await;
    assert_eq!(client.wait_for(id, "result").await["exit"]["code"], 127);
    let params = json!({"environment": environment, "directory": to.path()});
    let bundle = client.result("bundle", params).await;
    let directory = std::path::Path::new(bundle["directory"].as_str().unwrap());
    assert!(
        directory.starts_with(to.path()) && directory.join("README.md").is_file(),
        "{bundle}"
    );
    let diagnosis = &bundle["diagnosis"];
    assert_eq!(
        diagnosis["cause"], "the program does not exist in the environment",
        "{bundle}"
    );
    assert!(!text(diagnosis, "hint").is_empty(), "{bundle}");
    client.end().await.unwrap();
}

#[tokio::test]
async fn disk_usage_is_that_of_the_engine() {
    let (mut client, script) = scripted().await;
    script.with(|script| script.used = Some(77));
    let made = client.result("create", json!({})).await;
    assert_eq!(made["disk_limit"], u64::MAX);
    let of = json!({"environment": made["id"]});
    assert_eq!(client.result("disk_usage", of).await, json!({"used": 77}));
    client.end().await.unwrap();
}

#[tokio::test]
async fn event_of_another_process_is_passed_on() {
    let (mut client, script) = scripted().await;
    let events = client.begin("events", json!({})).await;
    client.wait_for(events, "started").await;
    let watch = client.begin("watch", json!({})).await;
    client.wait_for(watch, "started").await;
    let id = EnvironmentId::random();
    for (observed, word) in [
        (Observed::Started, "started"),
        (Observed::Paused, "paused"),
        (Observed::Unpaused, "unpaused"),
        (Observed::Renamed("other".to_owned()), "renamed"),
        (Observed::Health(Health::Healthy), "health"),
        (Observed::Killed(Some("TERM".to_owned())), "killed"),
        (Observed::Restarted, "restarted"),
        (Observed::Exited(ExitStatus::from_code(3)), "exited"),
        (Observed::Stopped, "stopped"),
        (Observed::Removed, "destroyed"),
    ] {
        script.report(&id, observed);
        let event = client.wait_for(events, "event").await.to_string();
        assert!(
            event.contains(word) && event.contains(id.as_str()),
            "{word}: {event}"
        );
    }
    client.end().await.unwrap();
}
