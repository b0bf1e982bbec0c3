use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use isolation::snapshots::SnapshotStore;

use crate::support::{Ended, Workspace};

/// The calls that change a store, by their names on different machines.
const CALLS: [&str; 6] = [
    "write,pwrite64,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "mkdir,mkdirat",
    "link,linkat",
    "unlink,unlinkat",
];

/// The event at a call: it fails, or its process is killed.
const FAILS: &str = "error=ENOSPC";
const KILLS: &str = "signal=KILL";

/// No command makes so many calls of one kind.
const MOST: usize = 60;

/// An environment, and a store with two snapshots of it. A third one has never been there.
struct Fixture {
    workspace: Workspace,
    files: tempfile::TempDir,
    environment: String,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // The control group of the environment is not in its directory.
        self.workspace.isolate(&["rm", "--force", &self.environment]);
    }
}

impl Fixture {
    fn new() -> Self {
        let workspace = Workspace::basic();
        let files = tempfile::tempdir().unwrap();
        let mut fixture = Self {
            environment: String::new(),
            workspace,
            files,
        };
        let created = fixture.run(&["create"], &fixture.good());
        created.stdout().trim().clone_into(&mut fixture.environment);
        fixture.run(&["start", &fixture.environment], &fixture.good());
        fixture.change("head -c 300000 /dev/urandom >large; mkdir d; echo one >d/f; ln d/f d/g");
        fixture.snapshot("first");
        fixture.change("head -c 90000 /dev/urandom >other; echo two >d/f; rm large");
        fixture.snapshot("second");
        let archive = fixture.archive();
        fixture.change("head -c 200000 /dev/urandom >third");
        // In a store of its own.
        let elsewhere = fixture.files.path().join("elsewhere");
        fixture.run(
            &["snapshot", "create", "--name", "third", &fixture.environment],
            &elsewhere,
        );
        let export = ["snapshot", "export", "third", "-o", archive.to_str().unwrap()];
        fixture.run(&export, &elsewhere);
        fixture
    }

    /// The store as it is before each command.
    fn good(&self) -> PathBuf {
        self.files.path().join("good")
    }

    fn archive(&self) -> PathBuf {
        self.files.path().join("third.archive")
    }

    fn change(&self, script: &str) {
        self.run(&["exec", &self.environment, "sh", "-c", script], &self.good());
    }

    fn snapshot(&self, name: &str) {
        self.run(
            &["snapshot", "create", "--name", name, &self.environment],
            &self.good(),
        );
    }

    fn command(&self, arguments: &[&str], store: &Path) -> Command {
        let mut command = self.workspace.command(arguments);
        command.env("ISOLATE_SNAPSHOT_STORE", store);
        command
    }

    fn run(&self, arguments: &[&str], store: &Path) -> Ended {
        let ended = Ended::of(&mut self.command(arguments, store));
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended
    }

    /// A copy of the store.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir_in(self.files.path()).unwrap();
        let mut cp = Command::new("cp");
        let copied = cp.arg("-a").arg(self.good().join(".")).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        copy
    }

    /// Runs a command under `strace`, with a fault at the call with this number. Returns whether it
    /// had so many, and its exit code.
    fn faulty(&self, arguments: &[&str], store: &Path, calls: &str, fault: &str, number: usize) -> Faulty {
        let command = self.command(arguments, store);
        let log = store.with_extension("log");
        let mut traced = Command::new("strace");
        traced
            .args(["-f", "-qq", "-e", &format!("trace={}", known(calls)), "-o"])
            .arg(&log)
            .args(["-e", &format!("inject={}:{fault}:when={number}", known(calls))])
            .arg(command.get_program())
            .args(command.get_args())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        let mut child = traced.spawn().unwrap();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if fails_to_wake(&log) {
                let group = format!("-{}", child.id());
                let killed = Command::new("kill").args(["-KILL", "--", &group]).output();
                assert!(killed.is_ok());
            }
            thread::sleep(Duration::from_millis(10));
        };
        let text = fs::read_to_string(&log).unwrap();
        let was_killed = status.signal() == Some(9) || text.contains("+++ killed by SIGKILL");
        Faulty {
            happened: text.contains("(INJECTED)") || was_killed,
            succeeded: status.success(),
        }
    }
}

struct Faulty {
    happened: bool,
    succeeded: bool,
}

/// Whether the call that failed was no write to a file: the runtime wakes its threads with it, and
/// may wait for ever after its failure.
fn fails_to_wake(log: &Path) -> bool {
    let text = fs::read_to_string(log).unwrap_or_default();
    let wakes = |line: &str| line.contains(r#""\1\0\0\0\0\0\0\0", 8)"#) && line.contains("(INJECTED)");
    text.lines().any(wakes)
}

/// The calls that this machine has.
fn known(calls: &str) -> String {
    let names = calls.split(',').map(|name| format!("?{name}"));
    names.collect::<Vec<_>>().join(",")
}

/// Whether processes can be traced here; if not, that is printed.
fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-qq", "-e", "inject=?fsync:error=EIO:when=1", "true"])
        .output();
    match traced {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            eprintln!("skipped: strace cannot trace processes here: {why}");
            false
        }
        Err(error) => {
            eprintln!("skipped: the program strace cannot be run: {error}; install the package strace");
            false
        }
    }
}

/// Every snapshot of the store is whole; returns their names.
fn whole(store: &Path, during: &str) -> Vec<String> {
    let store = SnapshotStore::open(Some(store)).unwrap();
    let list = store.list().unwrap();
    assert!(list.damaged.is_empty(), "{during}: {list:?}");
    for snapshot in &list.snapshots {
        let verified = store.verify(snapshot);
        assert!(verified.is_ok(), "{during}: {verified:?}");
    }
    let mut names: Vec<String> = list
        .snapshots
        .into_iter()
        .filter_map(|one| one.manifest.name)
        .collect();
    names.sort();
    names
}

/// Runs a command with a fault at each call of each kind. Whatever happens, no snapshot is damaged,
/// these are kept, and the command succeeds afterwards; then the store has `after`.
fn survives(
    (fixture, faults): (&Fixture, &[&str]),
    arguments: &[&str],
    kept: &[&str],
    after: &[&str],
) -> usize {
    let mut happened = 0;
    for calls in CALLS {
        for fault in faults {
            for number in 1.. {
                assert!(number < MOST, "{arguments:?}: too many calls of {calls}");
                let during = format!("{arguments:?}, {fault} at number {number} of {calls}");
                let copy = fixture.copy();
                let faulty = fixture.faulty(arguments, copy.path(), calls, fault, number);
                let names = whole(copy.path(), &during);
                for name in kept {
                    assert!(names.iter().any(|one| one == name), "{during}: {name} is lost");
                }
                if faulty.succeeded {
                    assert_eq!(names, after, "{during}: it was not done");
                }
                if !faulty.happened {
                    break;
                }
                happened += 1;
                // The files that are left do not disturb the next commands.
                fixture.run(&["snapshot", "gc"], copy.path());
                let again = whole(copy.path(), &during);
                assert_eq!(names, again, "{during}: after a collection");
                let new = fs::read_dir(copy.path().join("new")).unwrap().count();
                assert_eq!(new, 0, "{during}: something is left");
            }
        }
    }
    happened
}

#[test]
fn failing_calls_of_a_new_snapshot_lose_nothing() {
    if !can_trace() {
        return;
    }
    let fixture = Fixture::new();
    let create = ["snapshot", "create", "--name", "third", &fixture.environment];
    let faults = survives(
        (&fixture, &[FAILS, KILLS]),
        &create,
        &["first", "second"],
        &["first", "second", "third"],
    );
    assert!(faults > 10, "only {faults} calls failed");
}

#[test]
fn failing_calls_of_an_import_lose_nothing() {
    if !can_trace() {
        return;
    }
    let fixture = Fixture::new();
    let archive = fixture.archive();
    let import = ["snapshot", "import", archive.to_str().unwrap()];
    let faults = survives(
        (&fixture, &[FAILS]),
        &import,
        &["first", "second"],
        &["first", "second", "third"],
    );
    assert!(faults > 10, "only {faults} calls failed");
}

#[test]
fn failing_calls_of_a_collection_lose_nothing() {
    if !can_trace() {
        return;
    }
    let fixture = Fixture::new();
    // The chunks of the first one are unused, in a pack that the second one uses.
    fixture.run(&["snapshot", "rm", "first"], &fixture.good());
    let faults = survives(
        (&fixture, &[KILLS]),
        &["snapshot", "gc"],
        &["second"],
        &["second"],
    );
    assert!(faults > 3, "only {faults} calls failed");
}

/// Imports into a file system of this size, which has the two snapshots, until it fits.
const FULL: &str = r#"mount -t tmpfs -o size="$1"k tmpfs "$2" && cp -a "$3/." "$2" || exit 98
export ISOLATE_SNAPSHOT_STORE="$2"
"$4" snapshot import "$5"; code=$?
for name in first second; do "$4" snapshot verify $name || exit 97; done
[ $code = 0 ] && { "$4" snapshot verify third || exit 96; exit 0; }
[ "$(ls "$2/snapshots" | wc -l)" = 2 ] || exit 95
"$4" snapshot gc || exit 94
[ "$(ls "$2/new" | wc -l)" = 0 ] || exit 93
"$4" snapshot verify second || exit 92
exit 50"#;

#[test]
fn full_disk_keeps_every_snapshot() {
    let fixture = Fixture::new();
    let place = fixture.files.path().join("full");
    fs::create_dir(&place).unwrap();
    let archive = fixture.archive();
    let (mut full, mut size) = (0, 440);
    loop {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", FULL, "sh"]);
        command
            .arg(size.to_string())
            .arg(&place)
            .arg(fixture.good())
            .arg(env!("CARGO_BIN_EXE_isolate"))
            .arg(&archive);
        let ended = Ended::of(&mut command);
        match ended.code() {
            Some(0) => break,
            Some(50) => {
                let text = ended.stderr();
                assert!(text.contains("No space left on device"), "{size}k: {text}");
                full += 1;
            }
            Some(98) if full == 0 && size < 1000 => {} // too small for the two snapshots
            Some(1) if full == 0 && ended.stderr().contains("unshare") => {
                eprintln!("skipped: no namespace can be made here: {}", ended.stderr());
                return;
            }
            other => panic!("{size}k: {other:?}: {}", ended.stderr()),
        }
        size += 40;
        assert!(size < 4000, "it never fits");
    }
    assert!(full > 2, "the disk was full {full} times");
}
