//! The lock of an environment with an image holds the digest of the image.

use isolation::packages::PackageSources;
use isolation::{EngineChoice, EnvironmentSpec, ErrorKind};

use crate::images::{CONFIG, WithImage, programs, saved};

#[tokio::test]
async fn lock_rejects_another_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let manager = &fixture.manager;
    let environment = fixture.environment().await;
    let reported = environment.inspect().await.unwrap().details["image"].clone();
    let lock = manager.lock(&environment).await.unwrap();
    let digests: Vec<&String> = lock.images.values().collect();
    assert_eq!(digests, [&reported]);
    environment.destroy().await.unwrap();

    // The same name, and another content.
    let spec = EnvironmentSpec {
        image: Some("test:1".into()),
        ..EnvironmentSpec::default()
    };
    let selection = manager.select(&EngineChoice::Auto, &spec).await.unwrap();
    let sources = PackageSources::default();
    let made = manager
        .create_locked(&selection, spec.clone(), &lock, &sources)
        .await;
    made.unwrap().destroy().await.unwrap();
    let config = CONFIG.replace("red", "blue");
    fixture
        .import(&saved(&[programs()], &config, "test:1"))
        .await
        .unwrap();
    let error = manager
        .create_locked(&selection, spec, &lock, &sources)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains(&format!("not {reported}")), "{error}");
}
