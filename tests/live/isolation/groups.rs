//! Groups of environments, with a network of their own.

use std::time::Duration;

use engine_api::networks::ListNetworks;
use isolation::{
    ComposeFile, ComposeOptions, EngineChoice, ErrorKind, GroupSpec, Manager, ManagerOptions, Registry,
    Status,
};

use super::{engine, manager, sh};
use crate::support::{IMAGE, Subject, engines, one_line, until};

/// A web server, a one-shot service that needs it, and one that needs both.
fn shop(name: &str, migrate: &str) -> GroupSpec {
    let text = serde_json::json!({
        "name": name,
        "services": {
            "db": {
                "image": IMAGE,
                "main": {"command": {"argv": ["sh", "-c", "mkdir /w; echo rows >/w/index.html; sleep 0.3; httpd -f -p 8000 -h /w"]}},
                "ready": {"wait_for": {"port": 8000}, "timeout": "120s"}
            },
            "migrate": {
                "image": IMAGE,
                "main": {"command": {"argv": ["sh", "-c", migrate]}},
                "depends_on": {"db": "ready"}
            },
            "web": {
                "image": IMAGE,
                "main": {"command": {"argv": ["sleep", "1000"]}},
                "depends_on": {"migrate": "completed", "db": "started"}
            }
        }
    });
    GroupSpec::from_json(&text.to_string()).unwrap()
}

async fn networks(subject: &Subject, prefix: &str) -> Vec<String> {
    let options = ListNetworks {
        name: [prefix.to_owned()].into(),
        ..ListNetworks::default()
    };
    let listed = subject.docker.networks().list(options).await.unwrap();
    listed
        .into_iter()
        .map(|network| network.name)
        .filter(|name| name.starts_with(prefix))
        .collect()
}

#[tokio::test]
async fn services_start_in_order_and_reach_each_other() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let spec = shop("shop", "wget -q -O - http://db:8000/ | grep rows");
        let group = manager.up(&EngineChoice::Auto, spec.clone()).await;
        let group = group.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let order: Vec<&str> = group.services().map(|(name, _)| name).collect();
        assert_eq!(order, ["db", "migrate", "web"], "{}", subject.name);
        let web = group.get("web").unwrap();
        assert_eq!(
            sh(web, "wget -q -O - http://db:8000/").await,
            "rows",
            "{}",
            subject.name
        );
        assert_eq!(
            group.get("migrate").unwrap().inspect().await.unwrap().status,
            Status::Stopped
        );
        assert_eq!(networks(&subject, &prefix).await.len(), 1, "{}", subject.name);
        let second = manager.up(&EngineChoice::Auto, spec).await.unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Conflict, "{}", one_line(&second));
        // The network belongs to this one, and others use it.
        let db = group.get("db").unwrap();
        let used = db.destroy().await.unwrap_err();
        assert_eq!(
            used.kind(),
            ErrorKind::Conflict,
            "{}: {}",
            subject.name,
            one_line(&used)
        );
        assert!(
            one_line(&used).contains("shop-web"),
            "{}: {}",
            subject.name,
            one_line(&used)
        );
        assert_eq!(
            sh(web, "wget -q -O - http://db:8000/").await,
            "rows",
            "{}",
            subject.name
        );
        // By name, as another process does it.
        let again = manager.group("shop").await.unwrap();
        assert_eq!(again.services().count(), 3);
        again
            .down(Duration::from_secs(1))
            .await
            .unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(networks(&subject, &prefix).await, [""; 0], "{}", subject.name);
        drop(group);
        let gone = manager.group("shop").await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn failed_service_ends_the_group_with_its_log() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let spec = shop("bad", "echo relation does not exist; exit 5");
        let error = manager.up(&EngineChoice::Auto, spec).await.unwrap_err();
        let text = format!("{}: {}", subject.name, one_line(&error));
        assert_eq!(error.kind(), ErrorKind::Unhealthy, "{text}");
        for part in ["bad/migrate", "exit code 5", "relation does not exist"] {
            assert!(text.contains(part), "{text}");
        }
        subject.until_nothing_is_left(&prefix).await;
        assert_eq!(networks(&subject, &prefix).await, [""; 0], "{}", subject.name);
    }
}

#[tokio::test]
async fn dropped_group_leaves_no_network() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let group = manager
            .up(&EngineChoice::Auto, shop("dropped", "true"))
            .await
            .unwrap();
        drop(group);
        drop(manager);
        subject.until_nothing_is_left(&prefix).await;
        let what = format!("{}: a network is left", subject.name);
        until(&what, async || networks(&subject, &prefix).await.is_empty()).await;
    }
}

/// The same services from a file of docker compose.
#[tokio::test]
async fn compose_file_becomes_a_running_group() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("compose.yaml");
    let text = r#"
x-shell: &shell {image: "${IMAGE}", entrypoint: [sh, -c]}
secrets: {token: {environment: TOKEN}, cert: {file: ./cert.txt}}
services:
  db:
    <<: *shell
    container_name: main-db
    command: ["mkdir /w; echo rows >/w/index.html; sleep 0.3; httpd -f -p 8000 -h /w"]
    healthcheck: {test: wget -q -O - http://127.0.0.1:8000/, interval: 1s, timeout: 60s, retries: 100}
    networks: {default: {aliases: [store]}}
  migrate:
    <<: *shell
    command: ["wget -q -O - http://store:8000/ | grep rows"]
    depends_on: {db: {condition: service_healthy}}
  web:
    image: ${IMAGE}
    command: [sleep, "1000"]
    working_dir: /tmp
    user: "1000"
    tmpfs: /scratch
    environment: {PRICE: 5$$, MODE: "${MODE:-test}"}
    depends_on: {migrate: {condition: service_completed_successfully}}
    secrets: [token, {source: cert, target: ca.pem}]
    ulimits: {nofile: {soft: 77, hard: 77}}
  other:
    extends: web
    depends_on: [web]
    environment: {PRICE: none}
    ulimits: {nofile: 55}
"#;
    std::fs::write(&file, text).unwrap();
    std::fs::write(directory.path().join("cert.txt"), "of the file\n").unwrap();
    let options = ComposeOptions {
        name: Some("composed".to_owned()),
        variables: [("IMAGE", IMAGE), ("TOKEN", "of the variable")].into(),
        ..ComposeOptions::default()
    };
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let mut registry = Registry::new();
        registry.register(engine).unwrap();
        // Where the daemon sees the files of the group.
        let options_of_manager = ManagerOptions {
            state_directory: Some(directory.path().join("state")),
            ..ManagerOptions::default()
        };
        let manager = Manager::with_options(registry, options_of_manager);
        let group = ComposeFile::read(&file, &options).unwrap().group;
        let group = manager.up(&EngineChoice::Auto, group).await;
        let group = group.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let web = group.get("web").unwrap();
        let seen = sh(
            web,
            "pwd; id -u; echo $PRICE $MODE; wget -q -O - http://store:8000/ http://main-db:8000/; ulimit -n",
        )
        .await;
        assert_eq!(seen, "/tmp\n1000\n5$ test\nrows\nrows\n77", "{}", subject.name);
        let other = group.get("other").unwrap();
        for environment in [web, other] {
            let seen = sh(
                environment,
                "cd /run/secrets; cat ca.pem token; for f in *; do (echo no >$f) 2>/dev/null && echo written; done; true",
            )
            .await;
            assert_eq!(seen, "of the file\nof the variable", "{}", subject.name);
        }
        assert_eq!(
            sh(other, "echo $PRICE; ulimit -n").await,
            "none\n55",
            "{}",
            subject.name
        );
        assert_eq!(
            sh(web, "touch /scratch/x && ls /scratch").await,
            "x",
            "{}",
            subject.name
        );
        group.down(Duration::ZERO).await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        assert_eq!(networks(&subject, &prefix).await, [""; 0], "{}", subject.name);
    }
}

#[tokio::test]
async fn group_that_is_interrupted_leaves_nothing() {
    for subject in engines() {
        for after in [20, 200, 700, 1500] {
            let (manager, prefix) = manager(&subject);
            // A container that the daemon creates late has the name of its own round.
            let name = format!("cut-{after}");
            let starting = manager.up(&EngineChoice::Auto, shop(&name, "sleep 1000"));
            let limit = Duration::from_millis(after);
            if let Ok(ended) = tokio::time::timeout(limit, Box::pin(starting)).await {
                panic!("{} {after}: {}", subject.name, one_line(&ended.unwrap_err()));
            }
            manager.shutdown().await.unwrap();
            subject.until_nothing_is_left(&prefix).await;
            let what = format!("{}: a network is left after {after} ms", subject.name);
            until(&what, async || networks(&subject, &prefix).await.is_empty()).await;
        }
    }
}

#[tokio::test]
async fn groups_of_one_name_are_not_started_twice() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let up = || Box::pin(manager.up(&EngineChoice::Auto, shop("once", "true")));
        let (one, other) = tokio::join!(up(), up());
        let (mut groups, mut errors) = (Vec::new(), Vec::new());
        for outcome in [one, other] {
            match outcome {
                Ok(group) => groups.push(group),
                Err(error) => errors.push(error),
            }
        }
        assert_eq!(
            (groups.len(), errors.len()),
            (1, 1),
            "{}: {errors:?}",
            subject.name
        );
        assert_eq!(errors[0].kind(), ErrorKind::Conflict, "{}", one_line(&errors[0]));
        groups[0].down(Duration::ZERO).await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
