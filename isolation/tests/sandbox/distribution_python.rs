//! Python of a distribution, marked `EXTERNALLY-MANAGED`: packages are in a virtual environment.

use isolation::packages::{InstallPackages, PackageIndex, PackageManager};
use isolation::{EnvironmentSpec, ErrorKind};

use crate::support::{Fixture, as_ordinary_user, printed, sh};

/// The virtual environment of the driver.
const OWN: &str = "/opt/isolation/venv";

/// Writes a wheel of a package with one module.
const WHEEL: &str = "mkdir -p /wheels && exec python3 -c \"
import zipfile
files = {
    'probe_managed.py': '',
    'probe_managed-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\\nName: probe-managed\\nVersion: 1.0\\n',
    'probe_managed-1.0.dist-info/WHEEL':
        'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
}
files['probe_managed-1.0.dist-info/RECORD'] = ''.join(f'{path},,\\n' for path in files)
with zipfile.ZipFile('/wheels/probe_managed-1.0-py3-none-any.whl', 'w') as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
\"";

/// Fails where the interpreter is not marked, or cannot create virtual environments with pip.
const IS_MANAGED: &str = "python3 -c \"
import ensurepip, os, sys, sysconfig, venv
place = os.path.join(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED')
sys.exit(0 if os.path.exists(place) else place + ' is missing')
\"";

fn probe() -> InstallPackages {
    InstallPackages {
        names: vec!["probe-managed".to_owned()],
        index: PackageIndex::None,
        find_links: vec!["/wheels".to_owned()],
        ..InstallPackages::default()
    }
}

#[tokio::test]
async fn distribution_python_gets_a_virtual_environment() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    // As a user who has given up: it must change nothing.
    let spec = EnvironmentSpec {
        env: [("PIP_BREAK_SYSTEM_PACKAGES", "1")].into(),
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    let managed = sh(&environment, IS_MANAGED).await;
    if !managed.exit.success() {
        eprintln!("skipped: no Python of a distribution: {}", managed.stderr_text());
        return;
    }
    printed(&environment, WHEEL).await;
    let packages = environment.packages(PackageManager::Pip);

    // A file at its place that is not ours stays.
    printed(&environment, &format!("mkdir -p {OWN} && echo mine >{OWN}/work")).await;
    let error = packages.install(probe()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains(OWN), "{error}");
    assert_eq!(
        printed(&environment, &format!("ls -A {OWN}; cat {OWN}/work")).await,
        "work\nmine"
    );

    // As after a creation that was killed.
    let unfinished = format!("rm -r {OWN} && mkdir -p {OWN}/lib/old && touch {OWN}/pyvenv.cfg");
    printed(&environment, &unfinished).await;
    let installed = packages.install(probe()).await.unwrap();
    assert_eq!(installed.virtual_environment.as_deref(), Some(OWN));
    printed(&environment, &format!("[ ! -e {OWN}/lib/old ]")).await;
    let place = "import probe_managed; print(probe_managed.__file__)";
    let own = printed(&environment, &format!("{OWN}/bin/python -c '{place}'")).await;
    assert!(own.starts_with(OWN), "{own}");
    let base = sh(&environment, &format!("python3 -c '{place}'")).await;
    assert!(base.stderr_text().contains("ModuleNotFoundError"), "{base:?}");

    let listed = packages.list().await.unwrap();
    assert!(
        listed.iter().any(|one| one.is_named("probe-managed")),
        "{listed:?}"
    );
    let again = packages.install(probe()).await.unwrap();
    assert_eq!(
        again.virtual_environment.as_deref(),
        Some(OWN),
        "it says so each time"
    );
    packages.uninstall(&["probe-managed"]).await.unwrap();
    let listed = packages.list().await.unwrap();
    assert!(
        !listed.iter().any(|one| one.is_named("probe-managed")),
        "{listed:?}"
    );
    environment.destroy().await.unwrap();
}

#[test]
fn user_gets_a_virtual_environment_too() {
    as_ordinary_user("distribution_python::distribution_python_gets_a_virtual_environment");
}
