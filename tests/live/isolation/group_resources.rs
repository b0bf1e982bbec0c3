//! Groups with images that are built, several networks, and volumes.

use std::time::Duration;

use engine_api::volumes::ListVolumes;
use isolation::engines::docker::{DockerEngine, DockerSettings};
use isolation::{
    ComposeFile, ComposeOptions, EngineChoice, EnvironmentSpec, ErrorKind, GroupSpec, ImageBuild, Lifetime,
    Main, Manager, Mount, WaitFor,
};

use super::{engine, manager_of, sh};
use crate::support::{IMAGE, Subject, engines, one_line, until};

const COMPOSE: &str = r#"
networks: {front: , back: {internal: true}}
volumes: {data: }
services:
  db:
    image: ${IMAGE}
    entrypoint: [sh, -c, "mkdir /w; echo rows >/w/index.html; exec httpd -f -p 8000 -h /w"]
    networks: {back: {aliases: [store]}}
    volumes: ["data:/data"]
  api:
    build: {context: app, args: {PLACE: /built}}
    entrypoint: [sleep, "1000"]
    networks: [front, back]
    volumes: ["data:/data"]
    depends_on: [db]
  web:
    image: ${IMAGE}
    entrypoint: [sleep, "1000"]
    networks: [front]
    depends_on: [api]
"#;

/// A manager whose volumes have the prefix, too.
fn manager(subject: &Subject) -> (Manager, String) {
    let (engine, prefix) = engine(subject);
    let settings = DockerSettings {
        volume_prefix: prefix.clone(),
        ..engine.settings().clone()
    };
    (manager_of(engine.with_settings(settings).unwrap()), prefix)
}

async fn volumes(subject: &Subject, prefix: &str) -> Vec<String> {
    let listed = subject.docker.volumes().list(ListVolumes::default()).await;
    let names = listed.unwrap().volumes.into_iter().map(|one| one.name);
    names.filter(|name| name.starts_with(prefix)).collect()
}

async fn until_no_volume_is_left(subject: &Subject, prefix: &str) {
    let what = format!("{}: volumes are left", subject.name);
    until(&what, async || volumes(subject, prefix).await.is_empty()).await;
}

fn compose(directory: &std::path::Path, name: &str) -> GroupSpec {
    let app = directory.join("app");
    std::fs::create_dir_all(&app).unwrap();
    // The content is new in each run, so that the image is.
    let unique = isolation::EnvironmentId::random();
    let dockerfile = format!("FROM {IMAGE}\nARG PLACE\nCOPY content $PLACE\n");
    std::fs::write(app.join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(app.join("content"), unique.as_str()).unwrap();
    let file = directory.join("compose.yaml");
    std::fs::write(&file, COMPOSE).unwrap();
    let options = ComposeOptions {
        name: Some(name.to_owned()),
        variables: [("IMAGE", IMAGE)].into(),
        ..ComposeOptions::default()
    };
    ComposeFile::read(&file, &options).unwrap().group
}

async fn remove_image(manager: &Manager, image: &str) {
    let engine = manager.registry().get_as::<DockerEngine>("docker").unwrap();
    engine.images().remove(image, true).await.unwrap();
}

#[tokio::test]
async fn services_see_only_their_networks() {
    for subject in engines() {
        let directory = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject);
        let spec = compose(directory.path(), "nets");
        let content = std::fs::read_to_string(directory.path().join("app/content")).unwrap();
        let group = manager.up(&EngineChoice::Auto, spec).await;
        let group = group.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let (api, web) = (group.get("api").unwrap(), group.get("web").unwrap());
        assert_eq!(sh(api, "cat /built").await, content, "{}", subject.name);
        // Some versions of busybox crash with `wget -T`.
        let read = "timeout 60 wget -q -O - http://store:8000/ || echo unreachable";
        assert_eq!(sh(api, read).await, "rows", "{}", subject.name);
        assert_eq!(sh(web, read).await, "unreachable", "{}", subject.name);
        assert_eq!(sh(api, "nslookup web >/dev/null && echo known").await, "known");
        // Its volume is that of the other service.
        let db = group.get("db").unwrap();
        sh(db, "echo 1 >/data/x").await;
        assert_eq!(sh(api, "cat /data/x").await, "1", "{}", subject.name);
        assert_eq!(volumes(&subject, &prefix).await.len(), 1, "{}", subject.name);
        let image = api.spec().image.clone().unwrap();
        group.down(Duration::ZERO).await.unwrap();
        until_no_volume_is_left(&subject, &prefix).await;
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&manager, &image).await;
    }
}

#[tokio::test]
async fn volume_of_a_kept_group_is_used_again() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let text = serde_json::json!({
            "name": "again",
            "volumes": {"data": {"labels": {"team": "core"}}},
            "services": {"db": {
                "image": IMAGE, "main": {"command": {"argv": ["sleep", "1000"]}}, "lifetime": "kept",
                "mounts": [{"source": {"volume": "data"}, "target": "/data"}],
            }},
        });
        let spec = GroupSpec::from_json(&text.to_string()).unwrap();
        let first = manager.up(&EngineChoice::Auto, spec.clone()).await.unwrap();
        sh(first.get("db").unwrap(), "echo 1 >/data/x").await;
        let used = manager.remove_group_volumes("again").await.unwrap_err();
        assert_eq!(
            used.kind(),
            ErrorKind::Conflict,
            "{}: {}",
            subject.name,
            one_line(&used)
        );
        first.down(Duration::ZERO).await.unwrap();
        drop(first);
        assert_eq!(volumes(&subject, &prefix).await.len(), 1, "{}", subject.name);
        let second = manager.up(&EngineChoice::Auto, spec).await.unwrap();
        assert_eq!(sh(second.get("db").unwrap(), "cat /data/x").await, "1");
        second.down(Duration::ZERO).await.unwrap();
        assert_eq!(manager.remove_group_volumes("again").await.unwrap().len(), 1);
        assert_eq!(volumes(&subject, &prefix).await, [""; 0], "{}", subject.name);
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn dropped_group_leaves_no_volume() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let text = serde_json::json!({
            "name": "volumes",
            "volumes": {"data": {}},
            "services": {"db": {
                "image": IMAGE, "main": {"command": {"argv": ["sleep", "1000"]}},
                "mounts": [{"source": {"volume": "data"}, "target": "/data"}],
            }},
        });
        let spec = GroupSpec::from_json(&text.to_string()).unwrap();
        drop(manager.up(&EngineChoice::Auto, spec.clone()).await.unwrap());
        until_no_volume_is_left(&subject, &prefix).await;
        // A service that cannot start takes the new volume with it, also one that would be kept.
        let mut failing = spec;
        let db = &mut failing.services.get_mut("db").unwrap().environment;
        db.lifetime = Lifetime::Kept;
        db.main = Main::Command(isolation::Command::shell("exit 3"));
        db.ready = Some(WaitFor::Port(80).into());
        manager
            .up(&EngineChoice::Auto, failing.clone())
            .await
            .unwrap_err();
        until_no_volume_is_left(&subject, &prefix).await;
        // So does a start that is given up.
        let db = &mut failing.services.get_mut("db").unwrap().environment;
        db.main = Main::Command(isolation::Command::shell("sleep 100000"));
        // So does a start that is given up, also while the container is created: the daemon
        // creates the volume again that such a container mounts.
        for after in [10, 20, 30, 40, 50, 60, 80, 100, 200, 700, 2000] {
            failing.name = format!("volumes-{after}");
            let starting = Box::pin(manager.up(&EngineChoice::Auto, failing.clone()));
            let limit = Duration::from_millis(after);
            assert!(tokio::time::timeout(limit, starting).await.is_err());
        }
        subject.until_nothing_is_left(&prefix).await;
        until_no_volume_is_left(&subject, &prefix).await;
    }
}

#[tokio::test]
async fn environment_of_a_build_has_its_files() {
    for subject in engines() {
        let directory = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject);
        compose(directory.path(), "unused");
        let mut spec = EnvironmentSpec {
            build: Some(ImageBuild {
                args: [("PLACE", "/built")].into(),
                ..ImageBuild::directory(directory.path().join("app"))
            }),
            ..EnvironmentSpec::default()
        };
        let first = manager.create(&EngineChoice::Auto, spec.clone()).await;
        let first = first.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let second = manager.create(&EngineChoice::Auto, spec.clone()).await.unwrap();
        let image = first.spec().image.clone().unwrap();
        assert_eq!(second.spec().image.as_deref(), Some(image.as_str()), "built once");
        let content = std::fs::read_to_string(directory.path().join("app/content")).unwrap();
        assert_eq!(sh(&first, "cat /built").await, content, "{}", subject.name);
        spec.build.as_mut().unwrap().target = "nowhere".to_owned();
        let error = manager.create(&EngineChoice::Auto, spec).await.unwrap_err();
        assert!(
            one_line(&error).contains("nowhere"),
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        first.destroy().await.unwrap();
        second.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&manager, &image).await;
    }
}

#[tokio::test]
async fn directory_of_a_volume_is_mounted() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let engine = manager.registry().get_as::<DockerEngine>("docker").unwrap();
        let volume = engine.volumes().create(Default::default()).await.unwrap();
        let with = |subpath: Option<&str>| EnvironmentSpec {
            image: Some(IMAGE.to_owned()),
            mounts: vec![Mount {
                subpath: subpath.map(str::to_owned),
                ..Mount::volume(volume.on_daemon(), "/v")
            }],
            ..EnvironmentSpec::default()
        };
        let whole = manager.create(&EngineChoice::Auto, with(None)).await.unwrap();
        sh(&whole, "mkdir -p /v/a/b; echo 1 >/v/a/b/x").await;
        whole.destroy().await.unwrap();
        let part = manager.create(&EngineChoice::Auto, with(Some("a/b"))).await;
        let has_it = subject.docker.version().await.unwrap() >= engine_api::Version::new(1, 45);
        match (has_it, part) {
            (true, Ok(part)) => assert_eq!(sh(&part, "ls /v").await, "x", "{}", subject.name),
            (false, Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", subject.name);
                assert!(one_line(&error).contains("subpath"), "{}", one_line(&error));
            }
            (_, other) => panic!("{}: {other:?}", subject.name),
        }
        drop(manager);
        subject.until_nothing_is_left(&prefix).await;
        volume.remove().await.unwrap();
    }
}
