//! Installations that are killed: the next one finds what they have left, and writes it again.

use std::time::Duration;

use isolation::packages::PackageManager;
use isolation::{Environment, ErrorKind};

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
