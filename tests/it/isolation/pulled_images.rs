//! Pulls of images: the platform that is asked for, an image that disappears or is
//! hidden, and a policy that forbids it.

use engine_api::Docker;
use fake_engine::scripted::{JSON, ScriptedEngine, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, PullImage, PullPolicy, PulledImage};
use isolation::{ErrorKind, Result};
use tests::chain;

use super::docker_engine::{IMAGE, refused};

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

fn pulls(fake: &FakeEngine) -> usize {
    let requests = fake.requests();
    requests
        .iter()
        .filter(|request| request.contains("/images/create"))
        .count()
}

async fn pull(engine: &DockerEngine, options: PullImage) -> Result<PulledImage> {
    engine.images().pull(IMAGE, options, |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn platform_is_asked_for_where_a_daemon_knows_it() {
    for (version, asked) in [("Api-Version: 1.51", true), ("Api-Version: 1.48", false)] {
        let daemon = ScriptedEngine::answering(move |request| {
            let image = r#"{"Id": "sha256:one", "Os": "linux", "Architecture": "arm64", "Variant": "v8"}"#;
            match request.method.as_str() {
                "HEAD" => reply(200, &[version], ""),
                "GET" if request.target.contains("/images/") => reply(200, &[JSON], image),
                _ => reply(404, &[JSON], r#"{"message": "no such thing"}"#),
            }
        });
        let options = PullImage {
            platform: Some("linux/arm64/v8".to_owned()),
            ..PullImage::default()
        };
        let found = pull(&DockerEngine::new(daemon.docker()), options).await.unwrap();
        assert_eq!(
            (found.platform.as_str(), found.pulled),
            ("linux/arm64/v8", false),
            "{version}"
        );
        let requests = daemon.requests();
        let asks = requests
            .iter()
            .any(|request| request.contains("platform=") && request.contains("v8"));
        assert_eq!(asks, asked, "{version}: {requests:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn image_that_disappears_after_its_pull_is_lost() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let missing = || refused(404, "No such image: busybox:latest");
    for _ in 0..2 {
        fake.fail_next("GET", "/busybox:latest/json", missing());
    }
    let error = pull(&engine(&fake), PullImage::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    assert!(
        chain(&error).contains("was removed by somebody else"),
        "{}",
        chain(&error)
    );
    assert_eq!(pulls(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn image_that_a_proxy_hides_is_not_described() {
    let fake = FakeEngine::new().with_image(IMAGE);
    fake.fail_next(
        "GET",
        "/busybox:latest/json",
        refused(403, "forbidden by the proxy"),
    );
    let error = pull(&engine(&fake), PullImage::default()).await.unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    assert!(
        chain(&error).contains("does not show the image busybox"),
        "{}",
        chain(&error)
    );
    fake.fail_next("GET", "/busybox:latest/json", Fault::internal_error("no layers"));
    let error = pull(&engine(&fake), PullImage::default()).await.unwrap_err();
    assert!(chain(&error).contains("no layers"), "{}", chain(&error));
    assert_eq!(pulls(&fake), 0);
}

#[tokio::test(start_paused = true)]
async fn policy_without_a_pull_says_so() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let options = PullImage {
        policy: PullPolicy::Never,
        ..PullImage::default()
    };
    let error = pull(&engine(&fake), options).await.unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    assert!(
        chain(&error).contains("the policy forbids a pull"),
        "{}",
        chain(&error)
    );
    assert_eq!(pulls(&fake), 0);
}
