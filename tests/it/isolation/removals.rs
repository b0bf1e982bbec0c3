//! Removals that the daemon refuses at first: of a paused container, of one that others depend on,
//! of an image that is still used, of a directory whose volume is not known.

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, DockerSettings};
use isolation::{
    Command, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, ForkOptions, Lifetime, Manager,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, active, asked, create, on, refused, settle, spec};
use super::noted::remove;

#[tokio::test(start_paused = true)]
async fn paused_container_is_resumed_to_be_removed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    // Its main process does not end with its owner.
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let environment = create(&manager, kept).await.unwrap();
    let name = fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fake.clone());
    docker.containers().pause(&name).await.unwrap();
    fake.reset();
    let why = "cannot remove a paused container";
    fake.fail_next("DELETE", &format!("/containers/{name}"), refused(400, why));
    environment.destroy().await.unwrap();
    assert_eq!(asked(&fake, "POST", "/unpause"), 1, "{:#?}", fake.requests());
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn container_that_others_depend_on_is_removed_later() {
    let (fake, _manager, environment) = active().await;
    let name = fake.snapshot().containers.pop_first().unwrap();
    fake.reset();
    let why = "container has dependent containers which must be removed before it";
    for _ in 0..3 {
        fake.fail_next("DELETE", &format!("/containers/{name}"), refused(400, why));
    }
    environment.destroy().await.unwrap();
    assert_eq!(asked(&fake, "POST", "/unpause"), 0, "{:#?}", fake.requests());
    assert_eq!(asked(&fake, "DELETE", "/containers/"), 4);
    assert_eq!(fake.resources(), [""; 0]);
}

/// The image of a fork, and the fork.
async fn forked(manager: &Manager, original: &Environment) -> Environment {
    let forks = manager.fork(original, 1, ForkOptions::default()).await;
    let mut forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
    settle().await;
    forks.remove(0)
}

fn images(fake: &FakeEngine) -> usize {
    fake.snapshot().images.len()
}

#[tokio::test(start_paused = true)]
async fn image_of_a_fork_waits_for_its_container() {
    let (fake, manager, original) = active().await;
    let before = images(&fake);
    for (lists, is_removed) in [(3, true), (5000, false)] {
        let fork = forked(&manager, &original).await;
        assert_eq!(images(&fake), before + 1);
        let image = fork.inspect().await.unwrap().details["image"].clone();
        fake.reset();
        // Its container is still listed after its removal.
        fake.fail_next(
            "DELETE",
            &format!("/images/{image}"),
            refused(409, "it is in use"),
        );
        let listed = json!([{"Id": "c", "Names": ["/c"], "Image": "i", "State": "removing"}]);
        for _ in 0..lists {
            fake.fail_next("GET", "/containers/json", Fault::Patch(listed.clone()));
        }
        let destroyed = fork.destroy().await;
        fake.reset();
        match is_removed {
            true => destroyed.unwrap_or_else(|error| panic!("{}", chain(&error))),
            false => {
                let error = destroyed.unwrap_err();
                let text = chain(&error);
                assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
                assert!(text.contains("its image is used by its container"), "{text}");
                fork.destroy().await.unwrap();
            }
        }
        assert_eq!(images(&fake), before, "{:?}", fake.snapshot().images);
    }
    original.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_of_two_forks_is_removed_with_the_last() {
    let (fake, manager, original) = active().await;
    let before = images(&fake);
    let mut forks = manager.fork(&original, 2, ForkOptions::default()).await.unwrap();
    settle().await;
    assert_eq!(images(&fake), before + 1);
    drop(forks.pop());
    settle().await;
    assert_eq!(images(&fake), before + 1, "the other one needs it");
    let last = forks.pop().unwrap();
    last.run(Command::new(["true"])).await.unwrap();
    drop(last);
    settle().await;
    assert_eq!(images(&fake), before);
    original.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_of_prepared_forks_outlives_each_of_them() {
    let (fake, manager, original) = active().await;
    let before = images(&fake);
    let forks = manager.prepare_forks(&original, 1, ForkOptions::default()).await;
    let forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
    for _ in 0..2 {
        let fork = forks.take().await.unwrap();
        fork.run(Command::new(["true"])).await.unwrap();
        drop(fork);
        settle().await;
        assert_eq!(images(&fake), before + 1);
    }
    drop(forks);
    settle().await;
    assert_eq!(images(&fake), before);
    original.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn directory_stays_if_its_volume_is_not_known() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let base = tempfile::tempdir().unwrap();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let settings = DockerSettings {
        volume_base_path: Some(base.path().to_str().unwrap().to_owned()),
        ..engine.settings().clone()
    };
    let engine = engine.with_settings(settings).unwrap();
    std::fs::create_dir(base.path().join("data-one")).unwrap();
    std::fs::write(base.path().join(".data-one.isolate"), "").unwrap();
    fake.fail_next("GET", "/volumes/data-one", refused(404, "no such volume"));
    fake.fail_next("GET", "/volumes/data-one", Fault::internal_error("cannot look"));
    let note = json!([{"kind": "volume", "name": "data-one"}]);
    let answer = remove(engine, &EnvironmentId::random(), note).await;
    assert!(answer["error"].to_string().contains("cannot look"), "{answer}");
    assert!(base.path().join("data-one").exists());
}
