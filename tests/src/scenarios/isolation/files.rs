//! Copies through links.

use isolation::{CopySource, ErrorKind, Result};

use engine_api::Docker;

use super::super::Scratch;
use super::{active, busybox, manager, sh};

/// A copy follows links in the container, and rejects a circle of them.
pub async fn links(docker: Docker) -> Result<()> {
    let manager = manager(&docker)?;
    let environment = active(&manager, busybox()).await?;
    let links = "mkdir -p /d/e; ln -s d /first; ln -s ../first/e /second; mkdir /x; ln -s /x/b /x/a; ln -s a /x/b; mkfifo /d/pipe";
    sh(&environment, links).await?;
    environment
        .copy_in(CopySource::bytes("text"), "/first/e/file")
        .await?;
    assert_eq!(sh(&environment, "cat /second/file").await?, "text");
    let scratch = Scratch::new("links");
    let directory = scratch.path();
    std::fs::create_dir_all(directory).unwrap();
    environment
        .copy_out("/second/file", directory.join("file"))
        .await?;
    assert_eq!(std::fs::read(directory.join("file")).unwrap(), b"text");
    for source in ["/x/a", "/d/pipe"] {
        let error = environment
            .copy_out(source, directory.join("none"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{source}: {error}");
    }
    let error = environment
        .copy_in(CopySource::bytes("text"), "/d")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let missing = environment
        .copy_out("/d/none", directory.join("none"))
        .await
        .unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    environment.destroy().await?;
    manager.shutdown().await
}
