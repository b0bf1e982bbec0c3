//! Contexts beside the main one.

use engine_api::images::{
    BuildContext, BuildImage, BuildSecret, BuildSession, LocalOutput, NamedContext, RemoveImage,
};
use engine_api::{ErrorKind, Version};

use super::{build, docker_engines, files, image_files, write};
use crate::support::one_line;

#[tokio::test]
async fn named_contexts_are_directories_and_images() {
    for subject in docker_engines().await {
        let (name, docker) = (&subject.name, &subject.docker);
        let (context, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dockerfile = "FROM base AS steps\nWORKDIR /out\nCOPY --from=other . other/\n\
             COPY own .\nRUN --mount=type=secret,id=s,required rev /run/secrets/s > s\n\
             FROM scratch\nCOPY --from=steps /out /out\n";
        write(context.path(), &[("Dockerfile", dockerfile), ("own", "own")]);
        write(
            other.path(),
            &[
                ("a/b", "named"),
                ("c.log", ""),
                (".dockerignore", "*.log\n.dockerignore\n"),
            ],
        );
        let session = BuildSession {
            secrets: [("s".to_owned(), BuildSecret::Bytes(b"abc".to_vec()))].into(),
            contexts: [
                ("other".to_owned(), NamedContext::Directory(other.path().into())),
                ("base".to_owned(), NamedContext::Image("busybox".into())),
            ]
            .into(),
            ..Default::default()
        };
        let images = docker.images();
        let tag = "ptest/named_contexts:1";
        let options = BuildImage {
            tags: vec![tag.into()],
            labels: [("ptest".to_owned(), "named".to_owned())].into(),
            ..Default::default()
        };
        let directory = BuildContext::directory(context.path());
        let started = images
            .build_with_session(directory, options, session.clone())
            .await;
        if docker.version().await.unwrap() < Version::new(1, 42) {
            assert_eq!(started.unwrap_err().kind(), ErrorKind::Unsupported, "{name}");
            continue;
        }
        let id = started.unwrap().built().await.unwrap();
        let inspected = images.inspect(tag, Default::default()).await.unwrap();
        assert_eq!(inspected.id, id, "{name}");
        let found = image_files(docker, tag).await;
        let expected = [("other/a/b", "named"), ("own", "own"), ("s", "cba")];
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for (path, text) in expected {
            assert_eq!(String::from_utf8_lossy(&found[path]).trim(), text, "{name}");
        }
        images.remove(tag, RemoveImage::default()).await.unwrap();

        let out = tempfile::tempdir().unwrap();
        let local = BuildSession {
            output: Some(LocalOutput::Directory(out.path().into())),
            ..session
        };
        build(docker, context.path(), BuildImage::default(), local).await;
        assert_eq!(files(&out.path().join("out")), found, "{name}");

        // The failure of a step is the end of the stream.
        write(
            context.path(),
            &[(
                "Dockerfile",
                "FROM busybox\nRUN --mount=from=other,target=/m false\n",
            )],
        );
        let session = BuildSession {
            contexts: [("other".to_owned(), NamedContext::Directory(other.path().into()))].into(),
            ..Default::default()
        };
        let directory = BuildContext::directory(context.path());
        let failing = images.build_with_session(directory, BuildImage::default(), session);
        let error = failing.await.unwrap().last().await.unwrap_err();
        assert!(
            error.kind() == ErrorKind::Stream && one_line(&error).contains("exit code: 1"),
            "{name}: {error}"
        );
    }
}
