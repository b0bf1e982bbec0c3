//! Images: builds, names, archives, registries, removal.

use engine_api::containers::{ContainerFilters, ListContainers};
use engine_api::images::{ImageFilters, ListImages};
use isolation::engines::docker::{BuildSpec, DockerEngine, ImageNames, PullImage, PullPolicy};
use isolation::{EnvironmentId, ErrorKind};
use tests::chain;

use super::{active, create, engine, manager_of, of_image, sh};
use crate::support::{IMAGE, Subject, engines, required, subjects};

/// An open registry, by the name that every daemon accepts without TLS.
const REGISTRY: &str = "127.0.0.1:5001";

/// An image with a file.
fn with_file(text: &str) -> BuildSpec {
    // The first step is its own: a removal of another image must not remove it.
    let dockerfile =
        format!("FROM {IMAGE}\nLABEL of={text}\nARG WORD=none\nCOPY text /text\nRUN echo $WORD >/word\n");
    BuildSpec {
        files: [
            ("Dockerfile".to_owned(), dockerfile.into_bytes()),
            ("text".to_owned(), text.as_bytes().to_vec()),
        ]
        .into(),
        ..BuildSpec::default()
    }
}

/// A text that no other test has.
fn unique() -> String {
    EnvironmentId::random().to_string()
}

/// Builds an image; returns its name.
async fn built(engine: &DockerEngine, spec: &BuildSpec) -> String {
    let built = engine.images().build(spec, |_| ()).await;
    built.unwrap_or_else(|error| panic!("{}", chain(&error))).name
}

async fn removed(engine: &DockerEngine, image: &str) {
    let removed = engine.images().remove(image, true).await;
    removed.unwrap_or_else(|error| panic!("{}", chain(&error)));
}

#[tokio::test]
async fn build_of_the_same_content_is_reused() {
    for subject in engines() {
        let (engine, _) = engine(&subject);
        let text = unique();
        let mut log = String::new();
        let first = engine
            .images()
            .build(&with_file(&text), |piece| log.push_str(piece))
            .await;
        let first = first.unwrap_or_else(|error| panic!("{}: {}", subject.name, chain(&error)));
        assert!(
            !first.cached && log.contains("COPY text"),
            "{}: {log}",
            subject.name
        );
        let again = engine.images().build(&with_file(&text), |_| ()).await.unwrap();
        assert_eq!(
            (again.cached, &again.name),
            (true, &first.name),
            "{}",
            subject.name
        );
        let argument = BuildSpec {
            args: [("WORD", "other")].into(),
            ..with_file(&text)
        };
        let other = built(&engine, &argument).await;
        assert_ne!(other, first.name);
        let (manager, prefix) = super::manager(&subject);
        for (image, word) in [(&first.name, "none"), (&other, "other")] {
            let environment = active(&manager, of_image(image)).await;
            let found = sh(&environment, "cat /text; echo; cat /word").await;
            assert_eq!(found, format!("{text}\n{word}"), "{}", subject.name);
        }
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        removed(&engine, &other).await;
        removed(&engine, &first.name).await;
    }
}

#[tokio::test]
async fn image_in_use_is_listed_and_stays() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let image = built(&engine, &with_file(&unique())).await;
        let manager = manager_of(super::engine(&subject).0.with_prefix(&prefix).unwrap());
        let environment = active(&manager, of_image(&image)).await;
        let listed = engine.images().list().await.unwrap();
        let users = |image: &str| {
            let found = listed
                .iter()
                .find(|entry| entry.names.iter().any(|name| name.ends_with(image)));
            found.map(|entry| {
                (
                    entry.built,
                    entry.environments.contains(environment.id().as_str()),
                )
            })
        };
        assert_eq!(users(&image), Some((true, true)), "{}: {listed:?}", subject.name);
        let kept = engine.images().remove(&image, false).await.unwrap_err();
        assert_eq!(
            kept.kind(),
            ErrorKind::Conflict,
            "{}: {}",
            subject.name,
            chain(&kept)
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        removed(&engine, &image).await;
        let missing = engine.images().remove(&image, false).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{}", chain(&missing));
    }
}

#[tokio::test]
async fn saved_image_is_loaded_with_its_name() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let text = unique();
        let image = built(&engine, &with_file(&text)).await;
        let name = format!("{}:saved", prefix.to_lowercase().trim_end_matches('_'));
        engine.images().tag(&image, &name).await.unwrap();
        let archive = engine.images().save(&[&name]).await.unwrap();
        let archive = archive.collect().await.unwrap();
        removed(&engine, &name).await;
        removed(&engine, &image).await;
        let loaded = engine.images().load(archive).await.unwrap();
        assert!(
            loaded.iter().any(|one| one.ends_with(&name)),
            "{}: {loaded:?}",
            subject.name
        );
        let (manager, prefix) = super::manager(&subject);
        let environment = active(&manager, of_image(&name)).await;
        assert_eq!(sh(&environment, "cat /text").await, text);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        removed(&engine, &name).await;
        let missing = engine.images().save(&[&name]).await.map(drop).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{}", chain(&missing));
    }
}

#[tokio::test]
#[ignore = "needs a registry: set REGISTRY"]
async fn pushed_image_is_pulled_by_mirror_and_prefix() {
    required("REGISTRY");
    for subject in engines() {
        pushed_and_pulled(&subject).await;
    }
}

async fn pushed_and_pulled(subject: &Subject) {
    let (engine, prefix) = engine(subject);
    let (text, name) = (unique(), format!("isolation-{}", EnvironmentId::random()));
    let image = built(&engine, &with_file(&text)).await;
    let remote = format!("{REGISTRY}/library/{name}:1");
    engine.images().tag(&image, &remote).await.unwrap();
    let mut last = None;
    let pushed = engine
        .images()
        .push(&remote, |progress| last = Some(progress.clone()))
        .await;
    pushed.unwrap_or_else(|error| panic!("{}: {}", subject.name, chain(&error)));
    assert!(last.is_some_and(|progress| progress.done), "{}", subject.name);
    removed(&engine, &remote).await;
    removed(&engine, &image).await;

    let pull = |policy| PullImage {
        policy,
        ..PullImage::default()
    };
    let never = engine
        .images()
        .pull(&remote, pull(PullPolicy::Never), |_| ())
        .await;
    assert_eq!(never.unwrap_err().kind(), ErrorKind::NotFound, "{}", subject.name);
    for (policy, pulls) in [
        (PullPolicy::IfMissing, true),
        (PullPolicy::IfMissing, false),
        (PullPolicy::Always, true),
    ] {
        let pulled = engine.images().pull(&remote, pull(policy), |_| ()).await;
        let pulled = pulled.unwrap_or_else(|error| panic!("{}: {}", subject.name, chain(&error)));
        assert_eq!(pulled.pulled, pulls, "{}: {policy:?}", subject.name);
    }
    removed(&engine, &remote).await;

    let names = [
        ImageNames {
            registry_mirror: Some(REGISTRY.to_owned()),
            image_prefix: None,
        },
        ImageNames {
            registry_mirror: None,
            image_prefix: Some(format!("{REGISTRY}/library/")),
        },
    ];
    for names in names {
        let rewritten = super::engine(subject).0.with_prefix(&prefix).unwrap();
        let manager = manager_of(rewritten.with_image_names(names.clone()).unwrap());
        let environment = create(&manager, of_image(&format!("{name}:1"))).await;
        let environment = environment.unwrap_or_else(|error| panic!("{names:?}: {}", chain(&error)));
        assert_eq!(sh(&environment, "cat /text").await, text, "{}", subject.name);
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        removed(&engine, &remote).await;
    }
}

/// A prune removes what other tests have built.
#[tokio::test]
#[ignore = "needs engines of its own: set PRUNED_ENGINES"]
async fn prune_keeps_what_is_used() {
    for subject in subjects("PRUNED_ENGINES", &required("PRUNED_ENGINES")) {
        let (engine, prefix) = engine(&subject);
        let [used, unused] = [
            built(&engine, &with_file(&unique())).await,
            built(&engine, &with_file(&unique())).await,
        ];
        let manager = manager_of(super::engine(&subject).0.with_prefix(&prefix).unwrap());
        let environment = active(&manager, of_image(&used)).await;
        let pruned = engine.images().prune().await.unwrap();
        assert!(
            pruned.removed.contains(&unused) && pruned.used.contains(&used),
            "{pruned:?}"
        );
        let listed = engine.images().list().await.unwrap();
        let has = |image: &String| listed.iter().any(|entry| entry.names.contains(image));
        assert!(has(&used) && !has(&unused), "{listed:?}");
        assert!(has(&IMAGE.to_owned()), "an image that was not built stays");
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        assert!(engine.images().prune().await.unwrap().removed.contains(&used));
    }
}

#[tokio::test]
async fn failed_builds_leave_nothing() {
    for subject in engines() {
        let (engine, _) = engine(&subject);
        let text = unique();
        for round in 0..20 {
            let dockerfile =
                format!("FROM {IMAGE}\nLABEL of={text}\nRUN echo {round} >/file\nRUN exit 7\nRUN true\n");
            let spec = BuildSpec {
                files: [("Dockerfile".to_owned(), dockerfile.into_bytes())].into(),
                ..BuildSpec::default()
            };
            let error = engine.images().build(&spec, |_| ()).await.unwrap_err();
            assert!(chain(&error).contains('7'), "{}: {}", subject.name, chain(&error));
        }
        // Whatever the steps have made has the label.
        let label = format!("of={text}");
        let containers = ListContainers {
            all: true,
            filters: ContainerFilters {
                label: [label.clone()].into(),
                ..ContainerFilters::default()
            },
            ..ListContainers::default()
        };
        let containers = subject.docker.containers().list(containers).await.unwrap();
        assert!(containers.is_empty(), "{}: {containers:?}", subject.name);
        let images = ListImages {
            all: true,
            filters: ImageFilters {
                label: [label].into(),
                ..ImageFilters::default()
            },
            ..ListImages::default()
        };
        let images = subject.docker.images().list(images).await.unwrap();
        assert!(images.is_empty(), "{}: {images:?}", subject.name);
    }
}
