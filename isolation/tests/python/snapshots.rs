use std::fs;
use std::path::{Path, PathBuf};

use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{Environment, ErrorKind, ForkOptions};

use crate::engine::{Fixture, printed, run};

/// A package with a script, and a wheel of it without pip: metadata and files as pip writes them.
const PACKAGE: &str = "import base64, hashlib, os, sys, sysconfig
site, bin = sysconfig.get_path('purelib'), sysconfig.get_path('scripts')
info = f'{site}/probe-1.0.dist-info'
os.makedirs(info)
open(f'{site}/probe.py', 'w').write('import sys\\ndef main(): print(sys.prefix)\\n')
script = f'#!{sys.prefix}/bin/python\\nimport probe\\nprobe.main()\\n'
open(f'{bin}/probe', 'w').write(script)
os.chmod(f'{bin}/probe', 0o755)
digest = base64.urlsafe_b64encode(hashlib.sha256(script.encode()).digest()).rstrip(b'=').decode()
open(f'{info}/METADATA', 'w').write('Metadata-Version: 2.1\\nName: probe\\nVersion: 1.0\\n')
open(f'{info}/RECORD', 'w').write(f'../../../bin/probe,sha256={digest},{len(script)}\\nprobe.py,,\\n')
";

/// A path file with sources inside, outside, and code; and the markers of tools.
const SOURCES: &str = "import os, sys, sysconfig
root = os.path.dirname(sys.prefix)
os.makedirs(f'{root}/src')
open(f'{root}/src/carried.py', 'w').write('')
site = sysconfig.get_path('purelib')
open(f'{site}/mine.pth', 'w').write(f'{root}/src\\n/opt/nowhere/src\\nimport sys\\n')
open(f'{sys.prefix}/.gitignore', 'w').write('*\\n')
open(f'{sys.prefix}/CACHEDIR.TAG', 'w').write('Signature: 8a477f597d28d172789f06886806bc55\\n')
";

/// Prints the path file.
const SHOWN: &str = "import sysconfig
print(open(sysconfig.get_path('purelib') + '/mine.pth').read())";

/// Compares every digest of RECORD with its file.
const VERIFY: &str = "import base64, csv, glob, hashlib, os, sysconfig
site = sysconfig.get_path('purelib')
count = 0
for record in glob.glob(f'{site}/*.dist-info/RECORD'):
    for path, digest, size in csv.reader(open(record)):
        if digest and '__pycache__' not in path:
            content = open(os.path.join(site, path), 'rb').read()
            found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()
            assert digest == 'sha256=' + found, path
            count += 1
print(count)
";

fn root(fixture: &Fixture, environment: &Environment) -> PathBuf {
    let name = format!("isolation-virtualenv-{}/root", environment.id());
    fixture.base.path().join(name).canonicalize().unwrap()
}

/// The files that name a path, and links to it.
fn naming(directory: &Path, path: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let (entry, name) = (
            entry.as_ref().unwrap().path(),
            entry.as_ref().unwrap().file_name(),
        );
        let meta = entry.symlink_metadata().unwrap();
        if meta.is_symlink() {
            if fs::read_link(&entry).unwrap().to_string_lossy().contains(path) {
                found.push(entry);
            }
        } else if meta.is_dir() && name != "__pycache__" {
            naming(&entry, path, found);
        } else if meta.is_file() && String::from_utf8_lossy(&fs::read(&entry).unwrap()).contains(path) {
            found.push(entry);
        }
    }
}

#[tokio::test]
async fn virtual_environment_moves_to_another_path() {
    let fixture = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    let environment = fixture.environment().await;
    printed(&environment, &["python", "-c", PACKAGE]).await;
    let old = root(&fixture, &environment);
    printed(&environment, &["python", "-c", SOURCES]).await;
    assert_eq!(
        printed(&environment, &["probe"]).await,
        old.join(".venv").display().to_string()
    );
    let links: Vec<_> = ["bin/python", "bin/python3", "lib64"]
        .into_iter()
        .filter_map(|link| Some((link, fs::read_link(old.join(".venv").join(link)).ok()?)))
        .collect();
    assert!(links.len() >= 2, "{links:?}");
    let saved = environment
        .snapshot(&store, SnapshotOptions::default())
        .await
        .unwrap()
        .snapshot;
    for part in [
        "base interpreter",
        "/opt/nowhere/src (mine.pth)",
        "the code in mine.pth",
    ] {
        let left_out = &saved.manifest.left_out;
        assert!(
            left_out.iter().any(|left| left.what.contains(part)),
            "{left_out:?}"
        );
    }
    assert!(
        saved
            .manifest
            .left_out
            .iter()
            .any(|left| left.what.contains("__pycache__"))
    );
    let forks = fixture
        .manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    // A script that still used the old path would run with it, silently.
    environment.destroy().await.unwrap();
    assert!(!old.exists());
    let restored = fixture
        .manager
        .restore(&store, &saved, RestoreOptions::default())
        .await
        .unwrap();
    for moved in [&restored.environment, &forks[0]] {
        let new = root(&fixture, moved);
        assert_eq!(
            printed(moved, &["probe"]).await,
            new.join(".venv").display().to_string()
        );
        let mut found = Vec::new();
        naming(&new.join(".venv"), &old.display().to_string(), &mut found);
        assert!(found.is_empty(), "{found:?}");
        let count: u32 = printed(moved, &["python", "-c", VERIFY]).await.parse().unwrap();
        assert!(count > 8, "{count}");
        printed(moved, &["pip", "--version"]).await;
        // Links stay links, and markers of tools leave nothing out.
        let venv = new.join(".venv");
        for (link, target) in &links {
            assert_eq!(fs::read_link(venv.join(link)).unwrap(), *target);
        }
        for marker in [".gitignore", "CACHEDIR.TAG"] {
            assert!(venv.join(marker).is_file(), "{marker}");
        }
        // The sources inside came along; paths outside and code are as they were.
        let module = printed(
            moved,
            &["python", "-c", "import carried; print(carried.__file__)"],
        )
        .await;
        assert_eq!(Path::new(&module), new.join("src/carried.py"));
        let lines = printed(moved, &["python", "-c", SHOWN]).await;
        let expected = format!("{}/src\n/opt/nowhere/src\nimport sys", new.display());
        assert_eq!(lines, expected);
        printed(moved, &["pip", "uninstall", "--yes", "probe"]).await;
        assert!(!new.join(".venv/bin/probe").exists());
    }
}

#[tokio::test]
async fn environment_that_cannot_move_is_refused() {
    let fixture = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    let environment = fixture.environment().await;
    let venv = root(&fixture, &environment).join(".venv");
    let library = [b"\x7fELF\0", venv.display().to_string().as_bytes(), b"/lib\0"].concat();
    fs::write(venv.join("lib/compiled.so"), library).unwrap();
    let saved = environment
        .snapshot(&store, SnapshotOptions::default())
        .await
        .unwrap()
        .snapshot;
    let count = || fs::read_dir(fixture.base.path()).unwrap().count();
    let before = count();
    let error = fixture
        .manager
        .restore(&store, &saved, RestoreOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("lib/compiled.so"), "{error}");
    assert_eq!(count(), before);
    fs::remove_file(venv.join("lib/compiled.so")).unwrap();
    // An entry point of another interpreter is one that would not be of this environment.
    fs::write(venv.join("bin/foreign"), "#!/no/such/python\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(venv.join("bin/foreign"), mode).unwrap();
    let error = fixture
        .manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("foreign"), "{error}");
    assert_eq!(run(&environment, &["python", "-c", "pass"]).await.exit.code, 0);
}

/// Compiled code is valid for the time of its source: a restore that kept it, but not the time,
/// would compile everything again.
#[tokio::test]
async fn compiled_code_that_is_kept_is_valid() {
    let fixture = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    let environment = fixture.environment().await;
    let write = "import sysconfig, py_compile
file = sysconfig.get_path('purelib') + '/compiled_probe.py'
open(file, 'w').write('VALUE = 1\\n')
py_compile.compile(file)";
    printed(&environment, &["python", "-c", write]).await;
    let options = SnapshotOptions {
        bytecode: true,
        ..SnapshotOptions::default()
    };
    let saved = environment.snapshot(&store, options).await.unwrap().snapshot;
    let restored = fixture
        .manager
        .restore(&store, &saved, RestoreOptions::default())
        .await
        .unwrap();
    // The loader says what it reads.
    let load = ["python", "-B", "-v", "-c", "import compiled_probe"];
    let output = run(&restored.environment, &load).await;
    let told = output.stderr_text();
    assert!(output.exit.success(), "{told}");
    let line = told
        .lines()
        .find(|line| line.contains("compiled_probe") && line.contains("matches"));
    assert!(line.is_some(), "{told}");
}
