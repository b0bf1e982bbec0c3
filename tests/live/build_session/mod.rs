//! Builds by BuildKit in a session, on every engine: secrets, ssh agents, credentials for a
//! registry with bearer tokens, the files of a directory, outputs on this machine.

mod fixed_time; // files that all have the same time
pub(crate) mod isolate; // the command `isolate build`
mod named_contexts; // contexts beside the main one

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use engine_api::auth::RegistryAuth;
use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::images::{
    BuildContext, BuildImage, BuildSecret, BuildSession, ListHistory, LocalOutput, RemoveImage, SshAgent,
};
use engine_api::{Docker, ErrorKind, archive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::support::{Subject, engines, one_line};
use crate::token_registry::{MARKER, PASSWORD, TokenRegistry, USER};

/// The secrets of the build, which are nowhere in its result.
const SECRETS: [(&str, &str); 2] = [("file", "secret-of-a-file"), ("bytes", "secret-in-memory")];

/// Uses an ssh agent: asks for the keys, then to remove them all, and prints both answers.
const CLIENT: &str = r#"
use std::io::{Read, Write};
fn main() {
    let mut agent = std::os::unix::net::UnixStream::connect(std::env::var("SSH_AUTH_SOCK").unwrap()).unwrap();
    for request in [11, 19, 11] {
        agent.write_all(&[0, 0, 0, 1, request]).unwrap();
        let mut length = [0; 4];
        agent.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        agent.read_exact(&mut answer).unwrap();
        println!("{answer:?}");
    }
}
"#;

/// The answer of the agent in this process: it has no keys.
const NO_KEYS: [u8; 9] = [0, 0, 0, 5, 12, 0, 0, 0, 0];

/// Docker engines.
async fn docker_engines() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for subject in engines() {
        subject.docker.version().await.unwrap();
        if subject.docker.is_podman() == Some(false) {
            subjects.push(subject);
        }
    }
    subjects
}

/// An ssh agent at `path` that answers every request alike.
fn agent(path: &Path) -> tokio::task::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 5];
                while stream.read_exact(&mut request).await.is_ok() {
                    assert_eq!(request[4], 11, "only the list of keys is asked for");
                    stream.write_all(&NO_KEYS).await.unwrap();
                }
            });
        }
    })
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A program that runs in a container without libraries.
fn compile(directory: &Path, text: &str) {
    let source = directory.join("client.rs");
    fs::write(&source, text).unwrap();
    let status = Command::new("rustc")
        .args([
            "--edition=2024",
            "-Copt-level=1",
            "-Cstrip=symbols",
            "-Ctarget-feature=+crt-static",
            "-o",
        ])
        .args([&directory.join("client"), &source])
        .status();
    assert!(status.unwrap().success());
    fs::remove_file(source).unwrap();
}

/// Runs a build to its end; with the text of an error, for messages.
async fn build(docker: &Docker, context: &Path, options: BuildImage, session: BuildSession) {
    let context = BuildContext::directory(context);
    let build = docker
        .images()
        .build_with_session(context, options, session)
        .await;
    if let Err(error) = build.unwrap().last().await {
        panic!("{}", one_line(&error));
    }
}

/// The regular files below a directory.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

/// All files of an image.
async fn image_files(docker: &Docker, image: &str) -> BTreeMap<String, Vec<u8>> {
    let container = CreateContainer {
        image: image.into(),
        cmd: ["none"].into(),
        ..Default::default()
    };
    let containers = docker.containers();
    let id = containers.create(container).await.unwrap().id;
    let directory = tempfile::tempdir().unwrap();
    let copied = containers.download(&id, "/out").await.unwrap();
    archive::unpack(copied, directory.path()).await.unwrap();
    containers.remove(&id, RemoveContainer::default()).await.unwrap();
    files(&directory.path().join("out"))
}

#[tokio::test]
async fn session_serves_all_that_a_build_asks_for() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent");
    let agent = agent(&socket);
    for subject in docker_engines().await {
        let registry = TokenRegistry::start(&subject).await;
        let context = tempfile::tempdir().unwrap();
        compile(context.path(), CLIENT);
        let dockerfile = format!(
            "FROM busybox:latest AS steps\n\
             WORKDIR /out\n\
             RUN --mount=type=secret,id=file,required rev /run/secrets/file > file\n\
             RUN --mount=type=secret,id=bytes,target=/s,required rev /s > bytes\n\
             RUN --mount=type=secret,id=missing test ! -e /run/secrets/missing\n\
             COPY client /bin/client\n\
             RUN --mount=type=ssh,required client > ssh\n\
             COPY --from={} /marker marker\n\
             FROM scratch\n\
             COPY --from=steps /out /out\n",
            registry.image
        );
        write(
            context.path(),
            &[("Dockerfile", &dockerfile), (".dockerignore", "Dockerfile\n")],
        );
        let [(_, in_file), (_, in_memory)] = SECRETS;
        let secret_file = directory.path().join("secret");
        fs::write(&secret_file, in_file).unwrap();
        let session = BuildSession {
            registries: [(registry.name.clone(), RegistryAuth::user(USER, PASSWORD))].into(),
            secrets: [
                ("file".to_owned(), BuildSecret::File(secret_file)),
                ("bytes".to_owned(), BuildSecret::Bytes(in_memory.into())),
            ]
            .into(),
            ssh: [("default".to_owned(), SshAgent::Socket(socket.clone()))].into(),
            ..Default::default()
        };
        let out = tempfile::tempdir().unwrap();
        let local = BuildSession {
            output: Some(LocalOutput::Directory(out.path().into())),
            ..session.clone()
        };
        let no_cache = BuildImage {
            no_cache: true,
            ..Default::default()
        };
        let docker = &subject.docker;
        build(docker, context.path(), no_cache.clone(), local).await;
        let name = &subject.name;
        let found = files(&out.path().join("out"));
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        let text = |name: &str| String::from_utf8_lossy(&found[name]).trim().to_owned();
        assert_eq!(text("file"), reversed(in_file), "{name}");
        assert_eq!(text("bytes"), reversed(in_memory), "{name}");
        assert_eq!(text("marker"), MARKER, "{name}");
        assert_eq!(text("ssh"), "[12, 0, 0, 0, 0]\n[5]\n[12, 0, 0, 0, 0]", "{name}");
        assert_eq!(found.len(), 4, "{name}");
        let requests = registry.requests();
        assert!(
            requests.iter().any(|request| request.ends_with("/token 200")),
            "{name}: {requests:?}"
        );

        let tag = "ptest/build_session:1";
        let tagged = BuildImage {
            tags: vec![tag.into()],
            ..Default::default()
        };
        build(docker, context.path(), tagged, session).await;
        assert_eq!(image_files(docker, tag).await, found, "{name}");
        let history = docker
            .images()
            .history(tag, ListHistory::default())
            .await
            .unwrap();
        let inspected = docker.images().inspect(tag, Default::default()).await.unwrap();
        let shown = format!("{history:?} {inspected:?}");
        for secret in [in_file, in_memory, PASSWORD] {
            assert!(!shown.contains(secret), "{name}: {shown}");
        }
        docker.images().remove(tag, RemoveImage::default()).await.unwrap();
        registry.stop(&subject).await;
    }
    agent.abort();
}

#[tokio::test]
async fn registry_refuses_a_build_without_credentials() {
    for subject in docker_engines().await {
        let registry = TokenRegistry::start(&subject).await;
        let context = tempfile::tempdir().unwrap();
        write(
            context.path(),
            &[("Dockerfile", &format!("FROM {}\n", registry.image))],
        );
        let images = subject.docker.images();
        for password in [None, Some("wrong")] {
            let auth = password.map(|password| (registry.name.clone(), RegistryAuth::user(USER, password)));
            let session = BuildSession {
                registries: auth.into_iter().collect(),
                ..Default::default()
            };
            let context = BuildContext::directory(context.path());
            let build = images
                .build_with_session(context, BuildImage::default(), session)
                .await;
            let error = build.unwrap().last().await.unwrap_err();
            let text = one_line(&error);
            assert_eq!(error.kind(), ErrorKind::Stream, "{}: {text}", subject.name);
            assert!(text.contains("401"), "{}: {text}", subject.name);
        }
        registry.stop(&subject).await;
    }
}

#[tokio::test]
async fn output_is_a_tar_archive_or_an_oci_layout() {
    for subject in docker_engines().await {
        let name = &subject.name;
        let context = tempfile::tempdir().unwrap();
        write(
            context.path(),
            &[("Dockerfile", "FROM scratch\nCOPY a /dir/a\n"), ("a", "contents")],
        );
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("out.tar");
        let session = |output| BuildSession {
            output: Some(output),
            ..Default::default()
        };
        let tar = session(LocalOutput::Tar(path.clone()));
        build(&subject.docker, context.path(), BuildImage::default(), tar).await;
        let names = entries(&path);
        assert!(names.contains(&"dir/a".to_owned()), "{name}: {names:?}");
        let oci = session(LocalOutput::Oci(path.clone()));
        let images = subject.docker.images();
        let built = images.build_with_session(
            BuildContext::directory(context.path()),
            BuildImage::default(),
            oci,
        );
        match built.await {
            Ok(progress) => {
                progress.last().await.unwrap();
                let names = entries(&path);
                assert!(names.contains(&"oci-layout".to_owned()), "{name}: {names:?}");
            }
            Err(error) => {
                assert!(!name.contains("containerd"), "{name}: {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
            }
        }
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "{name}");
    }
}

fn entries(path: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    (archive.entries().unwrap())
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn changed_file_is_in_the_next_build() {
    for subject in docker_engines().await {
        let context = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let dockerfile = "FROM scratch\nCOPY . /all\nCOPY sub/link/deep /deep\n";
        write(
            context.path(),
            &[
                ("Dockerfile", dockerfile),
                (".dockerignore", "*.log\n!keep.log\nDockerfile\n"),
                ("a.log", "ignored"),
                ("keep.log", "kept"),
                ("sub/real/deep", "first"),
                ("empty", ""),
                ("größe +%.txt", "name"),
            ],
        );
        std::os::unix::fs::symlink("real", context.path().join("sub/link")).unwrap();
        for text in ["first", "second"] {
            write(context.path(), &[("sub/real/deep", text)]);
            let session = BuildSession {
                output: Some(LocalOutput::Directory(out.path().into())),
                ..Default::default()
            };
            build(&subject.docker, context.path(), BuildImage::default(), session).await;
            let found = files(out.path());
            let name = &subject.name;
            assert_eq!(found["deep"], text.as_bytes(), "{name}");
            assert_eq!(found["all/sub/real/deep"], text.as_bytes(), "{name}");
            assert_eq!(found["all/keep.log"], b"kept", "{name}");
            assert_eq!(found["all/größe +%.txt"], b"name", "{name}");
            assert_eq!(
                fs::read_link(out.path().join("all/sub/link")).unwrap(),
                Path::new("real")
            );
            let unwanted = ["all/a.log", "all/Dockerfile"];
            assert!(
                unwanted.iter().all(|path| !found.contains_key(*path)),
                "{name}: {found:?}"
            );
            assert!(found.contains_key("all/empty"), "{name}");
        }
    }
}

#[tokio::test]
async fn dropped_build_ends_on_the_engine() {
    for subject in docker_engines().await {
        let context = tempfile::tempdir().unwrap();
        // Only one step at a time has the mount. A build that went on would keep the next waiting.
        let dockerfile = "FROM busybox:latest\nARG SECONDS\n\
            RUN --mount=type=cache,id=ptest_dropped,target=/c,sharing=locked sleep $SECONDS\n";
        write(context.path(), &[("Dockerfile", dockerfile)]);
        let tag = "ptest/dropped_build:1";
        let options = |seconds: &str| BuildImage {
            tags: vec![tag.into()],
            build_args: [("SECONDS", seconds)].into(),
            no_cache: true,
            ..Default::default()
        };
        let images = subject.docker.images();
        let directory = BuildContext::directory(context.path());
        let started = images.build_with_session(directory, options("1000"), BuildSession::default());
        let mut progress = started.await.unwrap();
        loop {
            let line = progress.next().await.unwrap().unwrap();
            let steps = line.trace().unwrap().unwrap_or_default().steps;
            if steps
                .iter()
                .any(|step| step.name.contains("RUN") && step.started.is_some())
            {
                break;
            }
        }
        drop(progress);
        let next = build(
            &subject.docker,
            context.path(),
            options("0"),
            BuildSession::default(),
        );
        let ended = tokio::time::timeout(Duration::from_secs(60), next).await;
        assert!(ended.is_ok(), "{}: the dropped build goes on", subject.name);
        images.remove(tag, RemoveImage::default()).await.unwrap();
    }
}
