//! Files with odd names, links, times and attributes: what a snapshot of each engine keeps.

use engine_api::Upload;
use engine_api::containers::UploadArchive;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::SandboxEngine;
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{
    Command, Engine, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, Input, Manager, Registry,
};
use tar::{Builder, EntryType, Header};

use crate::support::{Subject, engines, one_line};

/// An image with Bash and the programs of GNU.
const GNU: &str = "debian-bash:latest";

/// Prints everything of every file below the directory `odd`.
const LOOK: &str = r#"cd odd; shopt -s globstar dotglob
for f in . **/*; do stat --printf '%N|%F|%a|%u:%g|%h|%s|%t:%T|%y\n' "$f"; done; cat all "$(printf 'line\nbreak')""#;

/// The capabilities DAC_OVERRIDE and FOWNER: their number is a line break.
const CAPABILITIES: &[u8] = b"\x01\0\0\x02\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// An attribute whose name and value are not UTF-8.
const SET_ATTRIBUTE: &str = r#"python3 -c 'import os
os.setxattr("odd/noted", b"user.no text \xff", b"\xfe")'"#;

const GET_ATTRIBUTE: &str = r#"python3 -c 'import os
print(os.getxattr("odd/noted", b"user.no text \xff"))'"#;

/// A file of an archive.
struct Odd {
    name: Vec<u8>,
    kind: EntryType,
    mode: u32,
    target: Vec<u8>,
    records: Vec<(&'static str, &'static [u8])>,
}

fn odd(name: impl AsRef<[u8]>) -> Odd {
    Odd {
        name: name.as_ref().to_vec(),
        kind: EntryType::Regular,
        mode: 0o644,
        target: Vec::new(),
        records: Vec::new(),
    }
}

/// The table: what is kept everywhere.
fn table() -> Vec<Odd> {
    let link = |name: &str, kind, target: &[u8]| Odd {
        kind,
        target: target.to_vec(),
        ..odd(name)
    };
    let of = |name: &str, kind, mode| Odd {
        kind,
        mode,
        ..odd(name)
    };
    let timed = |name: &str, time| Odd {
        records: vec![("mtime", time)],
        ..odd(name)
    };
    let mut table = vec![
        of("all", EntryType::Regular, 0o7777),
        of("sticky/", EntryType::Directory, 0o7777),
        odd(b"no text \xff\xfe"),
        odd("line\nbreak"),
        odd("\u{e9}\nbreak"),
        link("hard", EntryType::Link, b"odd/all"),
        link("hard\nline", EntryType::Link, b"odd/line\nbreak"),
        link("long", EntryType::Symlink, "x/".repeat(1900).as_bytes()),
        link("raw", EntryType::Symlink, b"to\xff\n20 path=there"),
        of("pipe", EntryType::Fifo, 0o620),
        timed("future", b"9000000000"),
    ];
    // Together they are longer than a name may be.
    let name = "d".repeat(60);
    for depth in 1..=6 {
        let directory = [name.as_str(); 6][..depth].join("/");
        table.push(of(&format!("{directory}/"), EntryType::Directory, 0o755));
    }
    table
}

/// The properties that only some engines keep.
fn capabilities() -> Odd {
    Odd {
        mode: 0o755,
        records: vec![("SCHILY.xattr.security.capability", CAPABILITIES)],
        ..odd("tool")
    }
}

fn archive(files: &[Odd]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for file in [&of_top()].into_iter().chain(files) {
        let path = [b"odd/", &file.name[..]].concat();
        let mut records = vec![("path", &path[..])];
        if !file.target.is_empty() {
            records.push(("linkpath", &file.target));
        }
        records.extend(file.records.iter().copied());
        builder.append_pax_extensions(records).unwrap();
        let mut header = Header::new_ustar();
        header.set_entry_type(file.kind);
        header.set_mode(file.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1000);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        let data: &[u8] = if file.kind == EntryType::Regular {
            b"odd\n"
        } else {
            b""
        };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn of_top() -> Odd {
    Odd {
        kind: EntryType::Directory,
        mode: 0o755,
        ..odd("")
    }
}

async fn bash(environment: &Environment, script: &str) -> String {
    let command = Command::new(["bash", "-c", script]);
    let output = environment.run(command).await.unwrap();
    let stderr = output.stderr_text();
    assert!(output.exit.success() && stderr.is_empty(), "{script}: {stderr}");
    output.stdout_text()
}

/// Saves an environment, carries the snapshot to another store, and restores it there.
async fn round_trip(manager: &Manager, environment: &Environment) -> isolation::Result<Environment> {
    let directory = tempfile::tempdir().unwrap();
    let store = |name: &str| SnapshotStore::open(Some(&directory.path().join(name))).unwrap();
    let (one, other) = (store("one"), store("other"));
    let saved = environment.snapshot(&one, SnapshotOptions::default()).await?;
    let mut file = Vec::new();
    one.export(&saved.snapshot, &mut file)?;
    let imported = other.import(&file[..])?;
    let options = RestoreOptions {
        trust: true,
        ..RestoreOptions::default()
    };
    let restored = manager.restore(&other, &imported, options).await?;
    // The snapshot of the copy has the same files.
    let again = restored.environment.snapshot(&other, SnapshotOptions::default());
    let again = again.await?.snapshot;
    let files = other.diff(&imported, &again).await?.files;
    let of_ours = files.iter().filter(|file| file.path.to_string().contains("odd"));
    let changed: Vec<_> = of_ours.collect();
    assert!(changed.is_empty(), "{changed:?}");
    Ok(restored.environment)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_of_containers_are_kept() {
    for subject in engines() {
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let mut registry = Registry::new();
        let docker = DockerEngine::new(subject.docker.clone());
        registry.register(docker.with_prefix(&prefix).unwrap()).unwrap();
        let manager = Manager::new(registry);
        let spec = EnvironmentSpec {
            image: Some(GNU.to_owned()),
            working_dir: Some("/root".to_owned()),
            ..EnvironmentSpec::default()
        };
        let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
        environment.start().await.unwrap();
        let mut files = table();
        files.push(capabilities());
        let device = |name, kind| Odd {
            kind,
            mode: 0o600,
            ..odd(name)
        };
        files.push(device("char", EntryType::Char));
        files.push(device("block", EntryType::Block));
        let container = &subject.containers(&prefix).await[0];
        let (containers, bytes) = (subject.docker.containers(), archive(&files));
        let upload = containers.upload(container, "/root", Upload::from(bytes), UploadArchive::default());
        upload.await.unwrap();
        let before = bash(&environment, LOOK).await;
        let restored = round_trip(&manager, &environment).await;
        let restored = restored.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(bash(&restored, LOOK).await, before, "{}", subject.name);
        environment.destroy().await.unwrap();
        assert!(has_capabilities(&subject, &prefix).await, "{}", subject.name);
        restored.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Whether the daemon shows the capabilities of the program in the only container.
async fn has_capabilities(subject: &Subject, prefix: &str) -> bool {
    let container = &subject.containers(prefix).await[0];
    let archive = subject
        .docker
        .containers()
        .download(container, "/root/odd/tool")
        .await;
    let archive = archive.unwrap().collect().await.unwrap();
    let record = [b"SCHILY.xattr.security.capability=", CAPABILITIES, b"\n"].concat();
    archive.windows(record.len()).any(|part| part == record)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_of_this_machine_are_kept() {
    let base = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base.path())).unwrap();
    let mut names = vec!["basic"];
    let sandbox = SandboxEngine::below(base.path());
    if sandbox.probe().await.availability.is_available() {
        registry.register(sandbox).unwrap();
        names.push("sandbox");
    }
    let manager = Manager::new(registry);
    for name in names {
        let choice = EngineChoice::Named(name.to_owned());
        let environment = manager.create(&choice, EnvironmentSpec::default()).await.unwrap();
        environment.start().await.unwrap();
        let mut files = table();
        for (name, time) in [("old", &b"-86400.25"[..]), ("fraction", b"1700000000.123456789")] {
            files.push(Odd {
                records: vec![("mtime", time)],
                ..odd(name)
            });
        }
        files.push(Odd {
            records: vec![
                ("SCHILY.xattr.user.note", b"a\nb"),
                ("SCHILY.xattr.user.empty", b""),
            ],
            ..odd("noted")
        });
        let unpack = ["tar", "-xpf", "-", "--xattrs", "--warning=no-timestamp"];
        let command = Command {
            input: Input::Bytes(archive(&files).into()),
            ..Command::new(unpack)
        };
        let output = environment.run(command).await.unwrap();
        assert!(output.exit.success(), "{name}: {}", output.stderr_text());
        bash(&environment, "truncate -s 20M odd/sparse").await;
        // Archives have no such name.
        bash(&environment, SET_ATTRIBUTE).await;
        let before = bash(&environment, LOOK).await;
        assert!(
            before.contains("1969-12-30 23:59:59.75") && before.contains(".123456789"),
            "{before}"
        );
        let restored = round_trip(&manager, &environment).await;
        let restored = restored.unwrap_or_else(|error| panic!("{name}: {}", one_line(&error)));
        assert_eq!(bash(&restored, LOOK).await, before, "{name}");
        let attribute = bash(&restored, GET_ATTRIBUTE).await;
        assert_eq!(attribute.trim(), r"b'\xfe'", "{name}");
        let blocks = bash(&restored, "stat -c %b odd/sparse").await;
        assert!(blocks.trim().parse::<u64>().unwrap() < 10_000, "{name}: {blocks}");
        restored.destroy().await.unwrap();
        environment.destroy().await.unwrap();
    }
}
