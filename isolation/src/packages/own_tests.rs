//! Packages of an environment with files of its own, whose package manager is a script.

#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

use std::any::Any;
use std::fs;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::BoxFuture;
use crate::engine::capabilities::Capabilities;
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::engine::{Engine, NewEnvironment, Opened, Probe};
use crate::engines::basic::BasicEngine;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::manager::Manager;
use crate::manager::options::ManagerOptions;
use crate::manager::registry::{EngineChoice, Registry};
use crate::serve::{ServeOptions, serve};
use crate::snapshots::{SnapshotOptions, SnapshotStore};
use crate::spec::EnvironmentSpec;

/// Writes down how it is called, and lists one package.
const NPM: &str = r#"#!/bin/sh
[ ! -e "${0%/*}/broken" ] || { echo "npm ERR! broken" >&2; exit 1; }
echo "$* from $npm_config_registry" >>"${0%/*}/log"
[ "$1" != ls ] || echo '{"dependencies": {"left-pad": {"version": "1.3.0"}}}'
"#;

/// The engine `basic`, as if its environments were containers.
#[derive(Debug)]
struct Contained(BasicEngine);

impl Engine for Contained {
    fn name(&self) -> &str {
        "contained"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let features = [Feature::Commands, Feature::Snapshots];
        let capabilities = Capabilities::new(IsolationLevel::Container).with(features);
        Box::pin(std::future::ready(Probe::available("always", capabilities)))
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        self.0.create(new)
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        self.0.open(id, context)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        self.0.list()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An engine, and the directory with the only program of its environments.
struct Place {
    base: tempfile::TempDir,
    programs: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            base: tempfile::tempdir().unwrap(),
            programs: tempfile::tempdir().unwrap(),
        };
        // By another process: one that a test forks meanwhile would have the file open.
        let written = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$0\" >\"$1\" && chmod 755 \"$1\"", NPM])
            .arg(place.programs.path().join("npm"))
            .status();
        assert!(written.unwrap().success());
        place
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::new();
        let engine = Contained(BasicEngine::below(self.base.path()));
        registry.register(engine).unwrap();
        registry
    }

    fn options() -> ManagerOptions {
        ManagerOptions {
            journal: false,
            ..ManagerOptions::default()
        }
    }

    fn spec(&self) -> EnvironmentSpec {
        let path = self.programs.path().display();
        EnvironmentSpec::from_json(&format!(r#"{{"env": {{"PATH": "{path}"}}}}"#)).unwrap()
    }

    /// How it was called last.
    fn called(&self) -> String {
        let log = fs::read_to_string(self.programs.path().join("log")).unwrap();
        log.lines().next_back().unwrap().trim_end().to_owned()
    }
}

#[tokio::test]
async fn package_of_a_lock_gets_its_version() {
    let place = Place::new();
    let manager = Manager::with_options(place.registry(), Place::options());
    let created = manager.create(&EngineChoice::Auto, place.spec()).await;
    let environment = created.unwrap();
    let package = Package {
        name: "@a/left-pad".to_owned(),
        version: "1.3.0".to_owned(),
        ..Package::default()
    };
    let install = |index: PackageIndex| {
        let sources = PackageSources {
            index,
            ..PackageSources::default()
        };
        let (environment, package) = (&environment, &package);
        async move {
            let packages = environment.packages(PackageManager::Npm);
            packages.install_locked(&[package], &sources).await.unwrap();
        }
    };
    install(PackageIndex::Public).await;
    let words = "install --global --loglevel=error -- @a/left-pad@1.3.0 from";
    assert_eq!(place.called(), words);
    let index = "http://127.0.0.1:4873/";
    install(PackageIndex::Address(index.to_owned())).await;
    assert_eq!(place.called(), format!("{words} {index}"));
    manager.shutdown().await.unwrap();
}

#[tokio::test]
async fn snapshot_lists_the_packages_of_managers_inside() {
    let (place, kept) = (Place::new(), tempfile::tempdir().unwrap());
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let manager = Manager::with_options(place.registry(), Place::options());
    let created = manager.create(&EngineChoice::Auto, place.spec()).await;
    let environment = created.unwrap();
    let save = || {
        let options = SnapshotOptions {
            packages: true,
            full: true,
            ..SnapshotOptions::default()
        };
        environment.snapshot(&store, options)
    };
    // The others are not there.
    let saved = save().await.unwrap().snapshot.manifest;
    assert_eq!(saved.packages.keys().collect::<Vec<_>>(), ["npm"]);
    assert_eq!(saved.packages["npm"][0].name, "left-pad");
    fs::write(place.programs.path().join("broken"), "").unwrap();
    let error = save().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
    assert!(error.to_string().contains("npm ERR! broken"), "{error}");
    assert_eq!(store.list().unwrap().snapshots.len(), 1);
    manager.shutdown().await.unwrap();
}

#[tokio::test]
async fn packages_are_listed_and_removed_for_a_client() {
    let place = Place::new();
    let (client, server) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(server);
    let options = ServeOptions {
        manager: Place::options(),
        ..ServeOptions::default()
    };
    let serving = tokio::spawn(serve(place.registry(), options, input, output));
    let (from, mut to) = tokio::io::split(client);
    let mut lines = BufReader::new(from).lines();
    let mut id = 0;
    let mut ask = async |method: &str, params: Value| {
        id += 1;
        let line = json!({"id": id, "method": method, "params": params});
        to.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let answer = lines.next_line().await.unwrap().unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    };
    ask("hello", json!({"versions": [1]})).await;
    let made = ask("create", json!({"engine": "contained", "spec": place.spec()})).await;
    let of = json!({"environment": made["id"], "manager": "npm"});
    let listed = ask("list_packages", of).await;
    assert_eq!(listed["packages"][0]["name"], "left-pad");
    assert_eq!(listed["packages"][0]["version"], "1.3.0");
    let names = json!({"environment": made["id"], "manager": "npm", "names": ["left-pad"]});
    assert_eq!(ask("uninstall_packages", names).await, json!({}));
    assert_eq!(
        place.called(),
        "uninstall --global --loglevel=error -- left-pad from"
    );
    to.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(fs::read_dir(place.base.path()).unwrap().count(), 0);
}
