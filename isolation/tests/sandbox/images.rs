//! Images without a daemon: an archive, its image, environments of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::{Command, Engine, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, Registry};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use crate::support::{Fixture, as_ordinary_user, as_user_with_others, base, printed, sh};

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) fn append(builder: &mut Builder<Vec<u8>>, path: &str, content: &[u8], mode: u32) {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    builder.append_data(&mut header, path, content).unwrap();
}

pub(crate) fn link(builder: &mut Builder<Vec<u8>>, path: &str, target: &str) {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    header.set_uid(0);
    header.set_gid(0);
    builder.append_link(&mut header, path, target).unwrap();
}

/// A layer with the programs of this machine that a shell needs: busybox if there is one, otherwise
/// `sh`, `env`, `setsid` and a few more with their libraries.
pub(crate) fn programs() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let names = [
        "sh", "env", "setsid", "cat", "chown", "ls", "id", "rm", "mkdir", "stat", "readlink", "sleep", "tty",
        "stty",
    ];
    let mut libraries = std::collections::BTreeSet::new();
    for name in names {
        let path = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(name));
        let path = path.iter().find(|path| path.exists()).unwrap();
        append(
            &mut builder,
            &format!("bin/{name}"),
            &fs::read(path).unwrap(),
            0o755,
        );
        let needed = std::process::Command::new("ldd").arg(path).output().unwrap();
        let needed = String::from_utf8_lossy(&needed.stdout).into_owned();
        let paths = needed.split_whitespace().filter(|word| word.starts_with('/'));
        libraries.extend(paths.map(PathBuf::from));
    }
    for library in libraries {
        let path = library.to_str().unwrap().trim_start_matches('/').to_owned();
        append(&mut builder, &path, &fs::read(&library).unwrap(), 0o755);
    }
    append(&mut builder, "etc/passwd", b"root:x:0:0::/root:/bin/sh\n", 0o644);
    append(&mut builder, "data/kept", b"one", 0o644);
    append(&mut builder, "data/gone", b"two", 0o644);
    builder.into_inner().unwrap()
}

/// The changes of the second layer.
fn changes() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    append(&mut builder, "data/.wh.gone", b"", 0);
    append(&mut builder, "data/new", b"three", 0o600);
    // Programs write to the file of the engine instead.
    link(&mut builder, "etc/hosts", "/data/kept");
    builder.into_inner().unwrap()
}

/// The architecture of this machine, in the words of images.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// An archive of `docker save`.
pub(crate) fn saved(layers: &[Vec<u8>], config: &str, name: &str) -> Vec<u8> {
    let digests: Vec<String> = layers
        .iter()
        .map(|layer| format!("\"sha256:{}\"", digest(layer)))
        .collect();
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        architecture(),
        digests.join(",")
    );
    let id = digest(config.as_bytes());
    let mut builder = Builder::new(Vec::new());
    let files: Vec<String> = layers
        .iter()
        .map(|layer| format!("\"blobs/sha256/{}\"", digest(layer)))
        .collect();
    let manifest = format!(
        r#"[{{"Config":"blobs/sha256/{id}","RepoTags":["{name}"],"Layers":[{}]}}]"#,
        files.join(",")
    );
    append(&mut builder, "manifest.json", manifest.as_bytes(), 0o644);
    append(
        &mut builder,
        &format!("blobs/sha256/{id}"),
        config.as_bytes(),
        0o644,
    );
    for layer in layers {
        append(
            &mut builder,
            &format!("blobs/sha256/{}", digest(layer)),
            layer,
            0o644,
        );
    }
    builder.into_inner().unwrap()
}

pub(crate) const CONFIG: &str = r#"{"Env":["PATH=/bin","COLOR=red"],"WorkingDir":"/data","Cmd":["sh"],"ExposedPorts":{"80/tcp":{}},"User":null}"#;

/// An engine with a cache of its own, and an image in it.
pub(crate) struct WithImage {
    pub(crate) base: TempDir,
    cache: TempDir,
    pub(crate) manager: Arc<Manager>,
}

impl WithImage {
    /// `None` where no sandbox can be started, which is printed.
    pub(crate) async fn new() -> Option<Self> {
        Fixture::new().await?;
        let (base, cache) = (base(), base());
        let mut registry = Registry::new();
        let engine = SandboxEngine::below(base.path()).with_cache(cache.path().join("images"));
        registry.register(engine).unwrap();
        let this = Self {
            base,
            cache,
            manager: Arc::new(Manager::new(registry)),
        };
        this.import(&saved(&[programs(), changes()], CONFIG, "test:1"))
            .await
            .unwrap();
        // Its answer is kept in the cache.
        this.engine().probe().await;
        Some(this)
    }

    pub(crate) fn engine(&self) -> &SandboxEngine {
        self.manager.registry().get_as("sandbox").unwrap()
    }

    pub(crate) async fn import(&self, archive: &[u8]) -> isolation::Result<String> {
        let file = self.cache.path().join("archive.tar");
        fs::write(&file, archive).unwrap();
        let source = ImageSource::Path(file);
        let imported = self
            .engine()
            .images()
            .import(source, ImportImage::default())
            .await;
        imported.map(|image| image.id)
    }

    pub(crate) async fn environment(&self) -> Environment {
        self.environment_of("test:1").await.unwrap()
    }

    pub(crate) async fn environment_of(&self, image: &str) -> isolation::Result<Environment> {
        let spec = EnvironmentSpec {
            image: Some(image.into()),
            ..EnvironmentSpec::default()
        };
        self.manager.create(&EngineChoice::Auto, spec).await
    }

    /// The files of images: paths, sizes and times.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.cache.path().join("images")];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                let meta = path.symlink_metadata().unwrap();
                if meta.is_dir() && path.file_name().unwrap() != "used" {
                    left.push(path.clone());
                } else if !meta.is_dir() {
                    let (changed, nanos) = (meta.ctime(), meta.ctime_nsec());
                    found.push(format!("{} {} {changed}.{nanos}", path.display(), meta.len()));
                }
            }
        }
        found.sort();
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_of_an_image_share_its_files() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let before = fixture.files();
    let (one, other) = (fixture.environment().await, fixture.environment().await);
    assert_eq!(
        printed(&one, "cat kept new; ls; pwd; echo $COLOR").await,
        "onethreekept\nnew\n/data\nred"
    );
    assert_eq!(
        printed(&one, "cat /etc/hosts; id -u").await,
        "127.0.0.1\tlocalhost ".to_owned() + &printed(&one, "echo $HOSTNAME").await + "\n::1\tlocalhost\n0"
    );
    assert_eq!(printed(&one, "cat /proc/sys/user/max_user_namespaces").await, "0");
    printed(
        &one,
        "rm kept; echo changed >new; mkdir /data/sub; rm -r /etc/passwd",
    )
    .await;
    assert_eq!(printed(&other, "cat kept new").await, "onethree");
    let details = one.inspect().await.unwrap().details;
    assert!(
        details["image"].starts_with("sha256:") && details["root"].contains("image"),
        "{details:?}"
    );
    assert!(
        details["not_from_image"].ends_with("its ports are not published: 80/tcp"),
        "{details:?}"
    );
    // Changes stay over a restart.
    one.stop(std::time::Duration::ZERO).await.unwrap();
    one.start().await.unwrap();
    assert_eq!(printed(&one, "ls; cat new").await, "new\nsub\nchanged");
    let error = fixture.engine().images().remove("test:1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains(one.id().as_str()), "{error}");
    assert!(fixture.engine().images().prune().await.unwrap().is_empty());
    one.destroy().await.unwrap();
    other.destroy().await.unwrap();
    assert_eq!(fixture.files(), before, "the files of the image were changed");
    assert_eq!(
        fs::read_dir(fixture.base.path()).unwrap().count(),
        0,
        "something is left"
    );
    let removed = fixture.engine().images().remove("test:1").await.unwrap();
    assert_eq!((removed.len(), removed[0].as_str()), (2, "test:1"));
    assert!(fixture.engine().images().list().await.unwrap().is_empty());
}

#[test]
fn images_as_an_ordinary_user() {
    as_ordinary_user("images::environments_of_an_image_share_its_files");
    as_user_with_others("images::environments_of_an_image_share_its_files");
}

#[tokio::test]
async fn image_that_is_missing_is_named_with_a_hint() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let error = fixture.environment_of("nowhere:3").await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("isolate image import --engine sandbox nowhere:3"),
        "{text}"
    );
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn damaged_archive_leaves_nothing() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let before = fixture.files();
    let good = saved(&[programs()], CONFIG, "other:1");
    let at = good.len() / 2;
    let mut changed = good.clone();
    changed[at] ^= 1;
    for archive in [&changed[..], &good[..at], b"", b"no archive at all"] {
        fixture.import(archive).await.unwrap_err();
        let after = fixture.files();
        assert_eq!(after.len(), before.len(), "{after:?}");
    }
    assert_eq!(fixture.engine().images().list().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_at_the_same_time_keep_one_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let file = fixture.cache.path().join("parallel.tar");
    fs::write(&file, saved(&[programs()], CONFIG, "parallel")).unwrap();
    // As a killed process leaves it.
    fs::create_dir_all(fixture.cache.path().join("images/new-abc/root")).unwrap();
    let imports = (0..4).map(|_| {
        let (engine, source) = (fixture.engine().clone(), ImageSource::Path(file.clone()));
        tokio::spawn(async move {
            engine
                .images()
                .import(source, ImportImage::default())
                .await
                .unwrap()
                .id
        })
    });
    let mut ids = Vec::new();
    for import in imports.collect::<Vec<_>>() {
        ids.push(import.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    let listed = fixture.engine().images().list().await.unwrap();
    assert_eq!(
        listed
            .iter()
            .filter(|image| image.names == ["parallel:latest"])
            .count(),
        1
    );
    let names = fs::read_dir(fixture.cache.path().join("images")).unwrap();
    let unfinished = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("new-")
    });
    assert_eq!(unfinished.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_with_a_link_in_place_of_proc_is_refused() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    environment.destroy().await.unwrap();
    let mut builder = Builder::new(Vec::new());
    link(&mut builder, "proc", "../../../tmp");
    let hostile = saved(&[programs(), builder.into_inner().unwrap()], CONFIG, "hostile");
    fixture.import(&hostile).await.unwrap();
    let error = fixture.environment_of("hostile").await.unwrap_err();
    assert!(error.to_string().contains("/proc"), "{error}");
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminal_is_one_of_the_environment() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let mut command = Command::shell("tty; stty size; [ -t 0 ] && [ -t 2 ] && : </dev/tty && echo whole");
    command.terminal = Some(isolation::TerminalSize {
        rows: 40,
        columns: 100,
    });
    let output = environment.run(command).await.unwrap();
    assert!(output.exit.success(), "{output:?}");
    let lines = output.stdout_text().replace('\r', "");
    let mut lines = lines.lines();
    assert!(lines.next().unwrap().starts_with("/dev/pts/"));
    assert_eq!((lines.next(), lines.next()), (Some("40 100"), Some("whole")));
    assert!(sh(&environment, "[ -t 0 ]").await.exit.code == 1);
    environment.destroy().await.unwrap();
}
