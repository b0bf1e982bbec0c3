//! The files of a build context that are in the image, on every engine and with both builders.

use std::collections::BTreeSet;
use std::fs;

use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::images::{BuildContext, BuildImage, Builder, RemoveImage};
use engine_api::{Docker, archive};
use tests::dockerignore::Table;

use crate::support::engines;

/// Ignore files of the table that every engine reads in the same way.
const CASES: [&str; 3] = [
    "*\n!foo/*/quux\n",
    "target\n!target/keep\n",
    "*\n!Dockerfile\n!.dockerignore\n!src\n",
];

/// Builds a directory, and returns the names below `/ctx` in the image.
async fn built(docker: &Docker, context: BuildContext, builder: Builder, tag: &str) -> BTreeSet<String> {
    let options = BuildImage {
        tags: vec![tag.into()],
        builder,
        no_cache: true,
        ..Default::default()
    };
    let images = docker.images();
    let build = images.build(context, options, None).await.unwrap();
    build.built().await.unwrap();
    let container = CreateContainer {
        image: tag.into(),
        ..Default::default()
    };
    let containers = docker.containers();
    let id = containers.create(container).await.unwrap().id;
    let files = tempfile::tempdir().unwrap();
    let copied = containers.download(&id, "/ctx").await.unwrap();
    archive::unpack(copied, files.path()).await.unwrap();
    containers.remove(&id, RemoveContainer::default()).await.unwrap();
    images.remove(tag, RemoveImage::default()).await.unwrap();
    let root = files.path().join("ctx");
    let mut names = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(&root).unwrap().display().to_string();
            names.insert(name);
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    names
}

#[tokio::test]
async fn image_has_the_files_that_the_docker_command_sends() {
    let table = Table::read();
    let directory = tempfile::tempdir().unwrap();
    table.create(directory.path(), "FROM busybox:latest\nCOPY . /ctx/\n");
    let cases = table
        .cases
        .iter()
        .filter(|case| CASES.contains(&case.ignore.as_str()));
    let cases: Vec<_> = cases.collect();
    assert_eq!(cases.len(), CASES.len());
    for subject in engines() {
        for (case, builder) in cases
            .iter()
            .flat_map(|case| [(case, Builder::Classic), (case, Builder::BuildKit)])
        {
            fs::write(directory.path().join(".dockerignore"), &case.ignore).unwrap();
            let context = BuildContext::directory(directory.path());
            let mut names = built(&subject.docker, context, builder, "ptest/dockerignore:1").await;
            let mut expected = table.sent(case, builder).unwrap();
            if case.ignore.starts_with("*\n!foo") {
                // The classic builder and Podman remove both files after they have read them.
                // BuildKit needs the Dockerfile in the context.
                expected.retain(|name| name.contains("foo"));
                names.remove("Dockerfile");
            }
            // A builder creates missing parents.
            let parents: Vec<_> = expected
                .iter()
                .flat_map(|name| name.match_indices('/').map(|(end, _)| name[..end].to_owned()))
                .collect();
            expected.extend(parents);
            let (name, ignore) = (&subject.name, &case.ignore);
            assert_eq!(names, expected, "{name}, {builder:?}, {ignore:?}");
        }
    }
}

#[tokio::test]
async fn ignore_file_of_the_dockerfile_comes_first() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("Dockerfile", "FROM busybox:latest\nCOPY . /ctx/\n"),
        ("Dockerfile.dockerignore", "own\n"),
        (".dockerignore", "general\n"),
        ("own", ""),
        ("general", ""),
    ] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    for subject in engines() {
        for (builder, excluded) in [(Builder::Classic, "general"), (Builder::BuildKit, "own")] {
            let context = BuildContext::directory(directory.path());
            let names = built(&subject.docker, context, builder, "ptest/dockerignore:3").await;
            let left = ["own", "general"]
                .into_iter()
                .filter(|name| !names.contains(*name));
            assert_eq!(
                left.collect::<Vec<_>>(),
                [excluded],
                "{}, {builder:?}: {names:?}",
                subject.name
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn image_has_names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    fs::write(path(b"Dockerfile"), "FROM busybox:latest\nCOPY . /ctx/\n").unwrap();
    fs::write(path(b".dockerignore"), b"secret\xe9\n").unwrap();
    fs::create_dir(path(b"caf\xe9")).unwrap();
    fs::write(path(&[b"caf\xe9/".as_slice(), &[0xe8; 200]].concat()), "").unwrap();
    fs::write(path(b"secret\xe9"), "").unwrap();
    std::os::unix::fs::symlink(OsStr::from_bytes(b"./t\xe9//"), path(b"link\xff")).unwrap();
    for subject in engines() {
        for builder in [Builder::Classic, Builder::BuildKit] {
            let context = BuildContext::directory(directory.path());
            let names = built(&subject.docker, context, builder, "ptest/dockerignore:2").await;
            assert_eq!(names.len(), 5, "{}, {builder:?}: {names:?}", subject.name);
            assert!(!names.iter().any(|name| name.starts_with("secret")));
        }
    }
}
