//! Archives of volumes that fail on this machine or on the daemon, and those of Podman.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll};

use engine_api::Docker;
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, VolumeOptions, labels};
use isolation::{ErrorKind, Lifetime};
use tests::chain;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::docker_engine::IMAGE;

/// A source that fails after some bytes, and a target that takes none.
struct Broken(usize);

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("the disk is broken")));
        }
        let length = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![0; length]);
        self.0 -= length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("the disk is broken")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn archive_that_fails_on_this_machine_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let kept = VolumeOptions {
        name: Some("data".to_owned()),
        lifetime: Lifetime::Kept,
        ..VolumeOptions::default()
    };
    let volume = engine.volumes().create(kept).await.unwrap();
    let before = fake.resources();
    let error = engine.volumes().export("data", Broken(0)).await.unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("export the volume data") && text.contains("disk is broken"),
        "{text}"
    );
    let error = engine.volumes().import("data", Broken(700)).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    assert!(
        text.contains("import into the volume data") && text.contains("disk is broken"),
        "{text}"
    );
    // The daemon refuses the archive, or does not give one.
    fake.fail_next(
        "PUT",
        "/archive",
        Fault::internal_error("no space left on device"),
    );
    let error = engine
        .volumes()
        .import("data", Cursor::new([0; 1024]))
        .await
        .unwrap_err();
    assert!(chain(&error).contains("no space left"), "{}", chain(&error));
    fake.fail_next("GET", "/archive", Fault::internal_error("cannot read"));
    let error = engine.volumes().export("data", Vec::new()).await.unwrap_err();
    assert!(chain(&error).contains("cannot read"), "{}", chain(&error));
    assert_eq!(fake.resources(), before, "something is left");
    engine.volumes().remove("data").await.unwrap();
    drop(volume);
}

/// Podman with a volume, whose export ends with this status.
fn podman(status: u16, body: &'static str) -> ScriptedEngine {
    const HEAD: &[&str] = &["Api-Version: 1.41", "Libpod-Api-Version: 5.0.0"];
    ScriptedEngine::answering(move |request| {
        let target = request.target.as_str();
        match request.method.as_str() {
            "HEAD" => reply(200, HEAD, ""),
            "GET" if target.contains("/export") => reply(status, &[], body),
            "GET" if target.contains("/volumes") => ok(&format!(
                r#"{{"Volumes": [{{"Name": "data", "Driver": "local", "Labels": {{"{}": "0123456789abcdef", "{}": "data", "{}": "kept"}}}}]}}"#,
                labels::RESOURCE,
                labels::NAME,
                labels::LIFETIME
            )),
            "GET" if target.contains("/version") => {
                ok(r#"{"Components": [{"Name": "Podman Engine", "Version": "5.0.0"}], "ApiVersion": "1.41"}"#)
            }
            _ => reply(404, &[JSON], r#"{"message": "no such thing"}"#),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn volume_of_podman_is_exported_by_its_own_call() {
    let mut archive = Vec::new();
    let daemon = podman(200, "content");
    let engine = DockerEngine::new(daemon.docker());
    let written = engine.volumes().export("data", &mut archive).await;
    let written = written.unwrap_or_else(|error| panic!("{}: {:?}", chain(&error), daemon.requests()));
    assert_eq!((written, archive.as_slice()), (7, &b"content"[..]));
    for (status, kind, words) in [
        (404, ErrorKind::Unsupported, "use version 5.6 or later"),
        (500, ErrorKind::Engine, "Podman replied with 500: no such volume"),
    ] {
        let engine = DockerEngine::new(podman(status, "no such volume\n").docker());
        let error = engine.volumes().export("data", Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        assert!(chain(&error).contains(words), "{}", chain(&error));
    }
}
