//! Files that all have the same time.

use std::time::UNIX_EPOCH;

use engine_api::images::{BuildContext, BuildImage, BuildSession, LocalOutput};

use super::{docker_engines, files, write};

#[tokio::test]
async fn change_is_built_without_a_change_of_the_time() {
    for subject in docker_engines().await {
        let (context, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(context.path(), &[("Dockerfile", "FROM scratch\nCOPY a /a\n")]);
        // Texts of one length: only the content differs.
        for text in ["first", "other"] {
            write(context.path(), &[("a", text)]);
            let session = BuildSession {
                output: Some(LocalOutput::Directory(out.path().into())),
                ..Default::default()
            };
            let directory = BuildContext::directory(context.path()).modified(UNIX_EPOCH);
            let images = subject.docker.images();
            let building = images.build_with_session(directory, BuildImage::default(), session);
            building.await.unwrap().last().await.unwrap();
            assert_eq!(files(out.path())["a"], text.as_bytes(), "{}", subject.name);
        }
    }
}
