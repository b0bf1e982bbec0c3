//! Installations that are killed: the next one finds what they have left, and writes it again.

use std::time::{Duration, Instant};

use isolation::packages::{InstallPackages, PackageIndex, PackageManager};
use isolation::{CopySource, Environment, ErrorKind};

use crate::engine::{Fixture, printed};
use crate::packages::{from_wheels, wheel};

/// Writes a wheel with so many files that an installation takes a while.
const LARGE: &str = "import sys, zipfile
version = sys.argv[1]
info = f'probe_large-{version}.dist-info'
files = {f'probe_large/part{n}.py': f'VERSION = {version!r}\\n' * 50 for n in range(300)}
files |= {
    'probe_large/__init__.py': f'VERSION = {version!r}\\n',
    f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: probe_large\\nVersion: {version}\\n',
    f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
}
record = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
with zipfile.ZipFile(f'wheels/probe_large-{version}-py3-none-any.whl', 'w') as wheel:
    for path, text in {**files, f'{info}/RECORD': record}.items():
        wheel.writestr(path, text)
";

/// Compares the files with RECORD; prints the version.
const CHECK: &str = "import glob, importlib.metadata as m, os, sysconfig
site = sysconfig.get_path('purelib')
assert not glob.glob(f'{site}/~*'), glob.glob(f'{site}/~*')
assert len(glob.glob(f'{site}/probe_large-*')) == 1, glob.glob(f'{site}/probe_large-*')
found = m.distribution('probe_large')
missing = [str(f) for f in found.files if not os.path.exists(f.locate())]
assert not missing, missing
import probe_large
print(found.version, probe_large.VERSION, len(found.files) > 300)";

#[tokio::test]
async fn killed_installation_is_repaired_by_the_next() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    printed(&environment, &["mkdir", "wheels"]).await;
    for version in ["1.0", "2.0"] {
        printed(&environment, &["python", "-c", LARGE, version]).await;
    }
    let packages = environment.packages(PackageManager::Pip);
    for round in 0..20_u64 {
        let (first, second) = match round % 2 {
            0 => ("1.0", "2.0"),
            _ => ("2.0", "1.0"),
        };
        let mut killed = from_wheels(&[&format!("probe_large=={first}")]);
        killed.timeout = Some(Duration::from_millis(300 + round * 97 % 1100));
        if let Err(error) = packages.install(killed).await {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        }
        let name = format!("probe_large=={second}");
        packages.install(from_wheels(&[&name])).await.unwrap();
        let expected = format!("{second} {second} True");
        assert_eq!(
            printed(&environment, &["python", "-c", CHECK]).await,
            expected,
            "{round}"
        );
    }
}

const DAMAGE: &str = "import os, shutil, sys, sysconfig
site = sysconfig.get_path('purelib')
info = f'{site}/probe_base-1.0.dist-info'
if sys.argv[1] == 'unfinished':
    os.remove(f'{info}/INSTALLER')
elif sys.argv[1] == 'moved':
    os.rename(info, f'{site}/~robe_base-1.0.dist-info')
    os.rename(f'{site}/probe_base', f'{site}/~robe_base')
else:
    os.mkdir(f'{site}/~ther')
    os.remove(f'{site}/probe_base/__init__.py')";

async fn damaged(environment: &Environment, how: &str) {
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    printed(environment, &["python", "-c", DAMAGE, how]).await;
}

#[tokio::test]
async fn damaged_package_is_named_or_installed_again() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    for name in ["probe_base", "probe_other"] {
        wheel(&environment, name, "1.0", &[]).await;
    }
    let packages = environment.packages(PackageManager::Pip);
    for how in ["unfinished", "moved", "missing file"] {
        damaged(&environment, how).await;
        let error = packages.install(from_wheels(&["probe-other"])).await.unwrap_err();
        let expected = "has damaged probe_base; install them again";
        assert!(error.to_string().contains(expected), "{how}: {error}");
        packages.uninstall(&["probe-other"]).await.unwrap();

        damaged(&environment, how).await;
        packages.install(from_wheels(&["probe-base"])).await.unwrap();
        assert_eq!(
            printed(&environment, &["probe_base-script"]).await,
            "1.0",
            "{how}"
        );
        packages.uninstall(&["probe-base"]).await.unwrap();
    }
    // A file that a user has removed is no damage.
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    let remove = "import probe_base, os; os.remove(probe_base.__file__)";
    printed(&environment, &["python", "-c", remove]).await;
    packages.install(from_wheels(&["probe-other"])).await.unwrap();
    assert!(
        packages
            .list()
            .await
            .unwrap()
            .iter()
            .any(|one| one.is_named("probe-base"))
    );
}

/// A build that starts a compiler, which does not end. The list of processes shows the number.
const BUILD: &str = "import os, subprocess
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    compiler = subprocess.Popen(['sleep', 'SECONDS'])
    open('MARK', 'w').close()
    compiler.wait()
";

/// The processes with this argument.
fn processes_with(argument: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| {
            line.split(|byte| *byte == 0)
                .any(|word| word == argument.as_bytes())
        })
        .count()
}

#[tokio::test]
async fn timeout_of_a_build_leaves_no_process() {
    if !std::path::Path::new("/proc/self/cmdline").exists() {
        return;
    }
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let mark = tempfile::tempdir().unwrap();
    let mark = mark.path().join("started");
    let seconds = format!("{}.5", 100_000 + std::process::id());
    let build = BUILD.replace("SECONDS", &seconds);
    let build = build.replace("MARK", mark.to_str().unwrap());
    let toml = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"build\"]\n\
                [project]\nname = \"endless\"\nversion = \"1.0\"\n";
    printed(&environment, &["mkdir", "-p", "project/build"]).await;
    for (path, text) in [("pyproject.toml", toml), ("build/backend.py", &build)] {
        let content = CopySource::bytes(text.as_bytes().to_vec());
        environment
            .copy_in(content, &format!("project/{path}"))
            .await
            .unwrap();
    }
    let packages = environment.packages(PackageManager::Pip);
    // On a busy machine the build begins late.
    for limit in [5, 20, 80, 240] {
        let options = InstallPackages {
            names: vec!["./project".into()],
            index: PackageIndex::None,
            timeout: Some(Duration::from_secs(limit)),
            ..InstallPackages::default()
        };
        let error = packages.install(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        if mark.exists() {
            break;
        }
    }
    assert!(mark.exists(), "the build has not begun");
    let until = Instant::now() + Duration::from_secs(30);
    while processes_with(&seconds) > 0 {
        assert!(Instant::now() < until, "the compiler runs on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
