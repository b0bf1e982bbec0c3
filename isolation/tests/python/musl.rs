//! A migration to an interpreter that describes itself as one of musl.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::packages::{PackageIndex, PackageManager};
use isolation::{
    Command, Destination, Engine, EngineChoice, Environment, EnvironmentSpec, Error, Manager, MigrateOptions,
    Registry,
};

use crate::engine::{Fixture, printed};

/// The answer of an interpreter of musl. The interpreter reads it at its start, with `-I`, too.
const SAYS_MUSL: &str = "import platform, sysconfig
variables = sysconfig.get_config_vars()
variables['SOABI'] = variables['SOABI'].replace('linux-gnu', 'linux-musl')
platform.libc_ver = lambda *arguments, **options: ('', '')
";

/// Writes wheels of numpy: one compiled for glibc, and one for any machine. Each names itself.
const WHEELS: &str = "import os, sys, zipfile
tag = f'cp{sys.version_info[0]}{sys.version_info[1]}'
os.mkdir('wheels')
for directory, tags in [('.', f'{tag}-{tag}-manylinux_2_17_x86_64'), ('wheels', 'py3-none-any')]:
    info = 'numpy-1.26.4.dist-info'
    files = {
        'numpy/__init__.py': f'TAGS = {tags!r}\\n',
        f'{info}/METADATA': 'Metadata-Version: 2.1\\nName: numpy\\nVersion: 1.26.4\\n',
        f'{info}/WHEEL': f'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\nTag: {tags}\\n',
    }
    record = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(f'{directory}/numpy-1.26.4-{tags}.whl', 'w') as wheel:
        for path, text in {**files, f'{info}/RECORD': record}.items():
            wheel.writestr(path, text)
";

/// Puts the compiled wheel into the virtual environment of the source, as an installer does.
const UNPACK: &str = "import glob, sysconfig, zipfile
zipfile.ZipFile(glob.glob('numpy-*.whl')[0]).extractall(sysconfig.get_path('purelib'))
";

/// The installation of an interpreter.
struct Installation {
    program: PathBuf,
    prefix: PathBuf,
    library: PathBuf,
}

impl Installation {
    /// That of the system, which sandboxes have, too; `None` without one that makes virtual
    /// environments.
    async fn of_the_system() -> Option<Self> {
        let fixture = Fixture::new();
        let options = VirtualenvOptions {
            python: Some("/usr/bin/python3".into()),
            ..VirtualenvOptions::default()
        };
        let environment = match fixture.create(options).await {
            Ok(environment) => environment,
            Err(error) => {
                eprintln!("skipped: {error:#}");
                return None;
            }
        };
        let question = "import os, sys, sysconfig; print(os.path.realpath(sys._base_executable), \
                        sys.base_prefix, sysconfig.get_path('stdlib'), sep='\\n')";
        let text = printed(&environment, &["python", "-c", question]).await;
        environment.destroy().await.unwrap();
        let mut lines = text.lines().map(PathBuf::from);
        let mut next = || lines.next().unwrap();
        Some(Self {
            program: next(),
            prefix: next(),
            library: next(),
        })
    }

    /// Another installation of the same program, that describes itself as one of musl.
    fn of_musl(&self, below: &Path) -> PathBuf {
        let library = below.join(self.library.strip_prefix(&self.prefix).unwrap());
        fs::create_dir_all(&library).unwrap();
        fs::create_dir(below.join("bin")).unwrap();
        for entry in fs::read_dir(&self.library).unwrap().map(Result::unwrap) {
            // That of Debian is a link to a file of the system.
            if entry.file_name() != "sitecustomize.py" && entry.file_name() != "__pycache__" {
                symlink(entry.path(), library.join(entry.file_name())).unwrap();
            }
        }
        fs::write(library.join("sitecustomize.py"), SAYS_MUSL).unwrap();
        // The program finds its library only if the program is not a symbolic link.
        let program = below.join("bin").join(self.program.file_name().unwrap());
        fs::copy(&self.program, &program).unwrap();
        program
    }
}

async fn python(environment: &Environment, code: &str) -> String {
    let output = environment
        .run(Command::new(["python", "-c", code]))
        .await
        .unwrap();
    assert!(output.exit.success(), "{code}: {output:?}");
    output.stdout_text().trim().to_owned()
}

#[tokio::test]
async fn interpreter_of_musl_has_numpy_installed_again() {
    let (base, sandboxes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for directory in [&base, &sandboxes] {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    }
    let sandbox = SandboxEngine::below(sandboxes.path());
    let probe = sandbox.probe().await;
    if !probe.availability.is_available() {
        eprintln!("skipped: {}", probe.availability);
        return;
    }
    let Some(installed) = Installation::of_the_system().await else {
        return;
    };
    let musl = installed.of_musl(&base.path().join("musl"));
    let engines = base.path().join("environments");
    fs::create_dir(&engines).unwrap();
    let mut registry = Registry::new();
    registry.register(sandbox).unwrap();
    // The templates name the interpreter, which is gone after the test.
    let engine = VirtualenvEngine::below(&engines).with_cache(base.path().join("cache"));
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);

    let source = source(&manager, &installed, &musl).await;
    let options = MigrateOptions {
        directory: Some("/work".into()),
        index: PackageIndex::None,
        find_links: vec!["./wheels".into()],
        ..MigrateOptions::default()
    };
    let to = Destination::engine("virtualenv");
    let plan = manager.plan_migration(&source, &to, &options).await.unwrap();
    let again: Vec<&str> = plan.reinstalled.iter().map(|one| one.package.as_str()).collect();
    assert_eq!(again, ["numpy==1.26.4"], "{plan:?}");
    let why = &plan.reinstalled[0].why;
    assert!(why.contains("linux-musl") && why.contains("linux-gnu"), "{why}");
    assert_eq!(
        fs::read_dir(&engines).unwrap().count(),
        0,
        "the plan has left something"
    );

    let moved = manager.migrate(&source, &to, options).await.unwrap();
    assert_eq!(moved.plan.reinstalled, plan.reinstalled);
    let tags = "import numpy, sysconfig; print(numpy.TAGS, sysconfig.get_config_var('SOABI'))";
    let (before, after) = (
        python(&source, tags).await,
        python(&moved.environment, tags).await,
    );
    assert!(
        before.contains("manylinux") && before.ends_with("linux-gnu"),
        "{before}"
    );
    assert!(
        after.starts_with("py3-none-any") && after.ends_with("linux-musl"),
        "{after}"
    );
    let listed = moved
        .environment
        .packages(PackageManager::Pip)
        .list()
        .await
        .unwrap();
    let numpy = listed.iter().find(|one| one.is_named("numpy")).unwrap();
    assert_eq!(
        (numpy.version.as_str(), numpy.installer.as_deref()),
        ("1.26.4", Some("pip"))
    );

    // Without a wheel that fits, the migration fails and the source stays.
    moved.environment.destroy().await.unwrap();
    let nothing = MigrateOptions {
        directory: Some("/work".into()),
        index: PackageIndex::None,
        ..MigrateOptions::default()
    };
    let error: Error = manager.migrate(&source, &to, nothing).await.unwrap_err();
    assert!(format!("{error:#} {error:?}").contains("numpy"), "{error:?}");
    assert_eq!(fs::read_dir(&engines).unwrap().count(), 0, "something is left");
    assert_eq!(python(&source, tags).await, before);
    manager.shutdown().await.unwrap();
}

/// A sandbox with the interpreter, and a virtual environment in /work with numpy. The options name
/// the interpreter of the target.
async fn source(manager: &Manager, installed: &Installation, target: &Path) -> Environment {
    let mut spec = EnvironmentSpec {
        env: [("PATH", "/work/.venv/bin:/usr/bin:/bin")].into(),
        working_dir: Some("/work".into()),
        ..EnvironmentSpec::default()
    };
    VirtualenvOptions {
        python: Some(target.to_str().unwrap().to_owned()),
        ..VirtualenvOptions::default()
    }
    .add_to(&mut spec);
    let choice = EngineChoice::Named("sandbox".into());
    let source = manager.create(&choice, spec).await.unwrap();
    let program = installed.program.to_str().unwrap();
    printed(&source, &[program, "-m", "venv", "--without-pip", "/work/.venv"]).await;
    python(&source, WHEELS).await;
    python(&source, UNPACK).await;
    source
}
