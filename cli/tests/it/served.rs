//! `isolate serve` of the engine `virtualenv`, requests about forks, snapshots and packages, and
//! the migration of an environment of another program.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;

use isolation::engines::basic::BasicEngine;
use isolation::packages::PackageManager;
use isolation::{
    Command, Destination, Engine, EngineChoice, EnvironmentSpec, ErrorKind, Feature, ForkOptions, Manager,
    MigrateOptions, Registry, conformance,
};
use serde_json::{Value, json};

use crate::external::Place;

/// Without pip, so that no test waits for ensurepip.
fn spec(engine: &str) -> EnvironmentSpec {
    let mut spec = EnvironmentSpec::default();
    let options = json!({"without_pip": true});
    spec.engine_options.insert(engine.to_owned(), options);
    spec
}

/// Whether this machine has Python.
async fn is_available(engine: &dyn Engine) -> bool {
    let availability = engine.probe().await.availability;
    let has_python = Process::new("python3").arg("-V").output().is_ok();
    assert!(availability.is_available() || !has_python, "{availability}");
    availability.is_available()
}

#[tokio::test]
async fn served_virtualenv_passes_the_conformance_checks() {
    let place = Place::new();
    let engine = place.served("virtualenv");
    if !is_available(&engine).await {
        return;
    }
    let report = conformance::check(Arc::new(engine), &|| spec("other")).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(place.left(), 0, "something is left");
}

#[tokio::test]
async fn served_virtualenv_forks_and_lists_packages() {
    let place = Place::new();
    let engine = place.served("virtualenv");
    if !is_available(&engine).await {
        return;
    }
    let manager = place.manager(engine);
    let choice = EngineChoice::Named("other".into());
    let environment = manager.create(&choice, spec("other")).await.unwrap();
    let write = "echo one > file && cd .venv/lib/python3*/site-packages && echo 'x = 1' > probe.py";
    assert!(
        environment
            .run(Command::shell(write))
            .await
            .unwrap()
            .exit
            .success()
    );
    let packages = environment.packages(PackageManager::Pip);
    assert!(packages.list().await.unwrap().iter().all(|one| !one.inherited));
    let forks = manager
        .fork(&environment, 2, ForkOptions::default())
        .await
        .unwrap();
    environment.destroy().await.unwrap();
    for fork in &forks {
        let script = "cat file; python -c 'import probe, sys; print(probe.x, sys.prefix)'";
        let read = fork.run(Command::shell(script)).await.unwrap().stdout_text();
        assert!(
            read.starts_with("one\n1 ") && read.contains(fork.id().as_str()),
            "{read}"
        );
    }
    // The files of another program are not saved, and its capabilities say so.
    let found = manager.registry().get("other").unwrap().probe().await;
    assert!(!found.capabilities.has(Feature::Snapshots));
    let directory = place.base.path().join("snapshots");
    let store = isolation::snapshots::SnapshotStore::open(Some(&directory)).unwrap();
    let refused = forks[0].snapshot(&store, Default::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    manager.shutdown().await.unwrap();
    assert_eq!(place.left(), 0, "something is left");
}

/// A client that writes and reads the lines of JSON itself, without the library.
struct Client {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    next: u64,
}

impl Client {
    fn start(place: &Place) -> Self {
        let base = place.base.path();
        let mut child = Process::new(env!("CARGO_BIN_EXE_isolate"))
            .args(["serve", "--stdio", "--engine", "basic"])
            .env("TMPDIR", base.join("environments"))
            .env("ISOLATE_STATE_DIR", base.join("state"))
            .env("ISOLATE_SNAPSHOT_STORE", base.join("snapshots"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut client = Self {
            child,
            answers,
            next: 0,
        };
        client.result("hello", &json!({"versions": [1]}));
        client
    }

    /// The last answer to a request, without what comes before.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let line = json!({"id": self.next, "method": method, "params": params});
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
        loop {
            let mut line = String::new();
            assert!(
                self.answers.read_line(&mut line).unwrap() > 0,
                "{method}: no answer"
            );
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == self.next && (answer["result"].is_object() || answer["error"].is_object()) {
                return answer;
            }
        }
    }

    fn result(&mut self, method: &str, params: &Value) -> Value {
        let mut answer = self.ask(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    fn exit(&mut self, environment: &Value, script: &str) -> Value {
        let command = json!({"argv": ["sh", "-c", script]});
        let exec = json!({"environment": environment, "command": command});
        self.result("exec", &exec)["exit"]["code"].take()
    }
}

#[test]
fn client_forks_saves_and_restores() {
    let place = Place::new();
    let mut client = Client::start(&place);
    let first = client.result("create", &json!({}))["id"].take();
    assert_eq!(client.exit(&first, "echo one > file"), 0);
    let forked = client.result("fork", &json!({"environment": first, "count": 2, "name": "copy"}));
    assert_eq!(forked["environments"][1]["name"], "copy-2");
    assert_eq!(
        client.exit(
            &forked["environments"][0]["id"],
            "grep one file && echo two > file"
        ),
        0
    );
    assert_eq!(client.exit(&first, "grep one file"), 0);

    let saved = client.result("snapshot", &json!({"environment": first, "name": "loaded"}));
    assert_eq!(
        (&saved["name"], &saved["engine"]),
        (&json!("loaded"), &json!("basic"))
    );
    client.result("destroy", &json!({"environment": first}));
    let listed = client.result("snapshots", &json!({}));
    assert_eq!(listed["snapshots"], json!([saved]));
    let restored = client.result("restore", &json!({"snapshot": "loaded", "name": "again"}));
    assert_eq!(restored["environment"]["name"], "again");
    assert_eq!(client.exit(&json!("again"), "grep one file"), 0);
    client.result("remove_snapshot", &json!({"snapshot": "loaded"}));
    for (method, params, kind) in [
        ("restore", json!({"snapshot": "loaded"}), "not_found"),
        ("create", json!({"fork": 7}), "invalid_input"),
        (
            "create",
            json!({"fork": 7, "id": "0123456789abcdef"}),
            "not_found",
        ),
        ("recreate", json!({"environment": "again"}), "unsupported"),
        (
            "list_packages",
            json!({"environment": "again", "manager": "apk"}),
            "not_found",
        ),
        (
            "install_packages",
            json!({"environment": "again", "names": ["x"]}),
            "unsupported",
        ),
    ] {
        let answer = client.ask(method, &params);
        assert_eq!(answer["error"]["kind"], kind, "{method}: {answer}");
    }
    assert_eq!(
        client.result("explain", &json!({"environment": "again"}))["documents"],
        json!({})
    );
    drop(client.child.stdin.take());
    assert!(client.child.wait().unwrap().success());
    assert_eq!(place.left(), 0, "something is left");
}

/// An external engine reads no owners, so only copies carry the files.
#[tokio::test]
async fn files_of_an_external_engine_are_copied() {
    let place = Place::new();
    let mut registry = Registry::new();
    registry.register(place.itself()).unwrap();
    registry.register(BasicEngine::below(place.base.path())).unwrap();
    let manager = Manager::new(registry);
    let choice = EngineChoice::Named("other".into());
    let source = manager.create(&choice, EnvironmentSpec::default());
    let source = source.await.unwrap();
    let make = "mkdir -p work/deep && echo moved >work/deep/file";
    let made = source.run(Command::shell(make)).await.unwrap();
    assert!(made.exit.success(), "{}", made.stderr_text());
    let options = MigrateOptions {
        directory: Some("/work".to_owned()),
        ..MigrateOptions::default()
    };
    let migrated = manager
        .migrate(&source, &Destination::engine("basic"), options)
        .await
        .unwrap();
    let lost = format!("{:?}", migrated.plan.lost);
    assert!(lost.contains("the owners of the files"), "{lost}");
    let read = migrated.environment.run(Command::new(["cat", "deep/file"]));
    assert_eq!(read.await.unwrap().stdout_text(), "moved\n");
}
