//! PyPy, where it is installed: the same experience, with packages of the standard library that are
//! not those of the environment.

use isolation::engines::basic::BasicEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::packages::{Package, PackageManager};
use isolation::{
    Command, Destination, EngineChoice, Environment, EnvironmentSpec, ErrorKind, ForkOptions, Manager,
    MigrateOptions, Registry,
};

use crate::engine::{cache, printed};
use crate::packages::{from_wheels, wheel};

/// Whether there is such an interpreter; otherwise that is printed.
fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join("pypy3").is_file());
    if !found {
        eprintln!("skipped: there is no pypy3 on the PATH");
    }
    found
}

async fn create(manager: &Manager) -> Environment {
    let mut spec = EnvironmentSpec::default();
    VirtualenvOptions {
        python: Some("pypy3".to_owned()),
        ..VirtualenvOptions::default()
    }
    .add_to(&mut spec);
    let choice = EngineChoice::Named("virtualenv".to_owned());
    manager.create(&choice, spec).await.unwrap()
}

async fn list(environment: &Environment) -> Vec<Package> {
    let packages = environment.packages(PackageManager::Pip);
    packages.list().await.unwrap()
}

/// The implementation, and the prefix.
async fn about(environment: &Environment) -> String {
    let code = "import platform, probe, sys; print(platform.python_implementation(), sys.prefix)";
    printed(environment, &["python", "-c", code]).await
}

#[tokio::test]
async fn pypy_has_packages_locks_and_forks() {
    if !is_installed() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base.path())).unwrap();
    let engine = VirtualenvEngine::below(base.path()).with_cache(cache());
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);
    let environment = create(&manager).await;
    wheel(&environment, "probe", "1.0", &[]).await;
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe"])).await.unwrap();

    // What is in its standard library is not a package of the environment, also with old metadata.
    let listed = list(&environment).await;
    let own = listed.iter().filter(|one| !one.inherited);
    let mut own: Vec<&str> = own.map(|one| one.name.as_str()).collect();
    own.retain(|name| !["pip", "setuptools"].contains(name));
    assert_eq!(own, ["probe"], "{listed:?}");
    if let Some(one) = listed.iter().find(|one| one.inherited) {
        let error = packages.uninstall(&[one.name.as_str()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    let lock = manager.lock(&environment).await.unwrap();
    let interpreter = lock.interpreter.clone().unwrap_or_default();
    assert!(interpreter.starts_with("PyPy 3."), "{interpreter}");

    let forks = manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    let (original, fork) = (about(&environment).await, about(&forks[0]).await);
    assert!(fork.starts_with("PyPy ") && fork != original, "{fork}");
    assert_eq!(list(&forks[0]).await, listed);

    // Commands of the engine `basic` have the interpreter of the machine, which cannot have them.
    let options = MigrateOptions::default();
    let to = Destination::engine("basic");
    let plan = manager.plan_migration(&environment, &to, &options).await.unwrap();
    let again: Vec<&str> = plan.reinstalled.iter().map(|one| one.package.as_str()).collect();
    assert!(again.is_empty() || again == ["probe==1.0"], "{plan:?}");
    let made = environment.run(Command::new(["pip", "--version"])).await.unwrap();
    assert!(made.exit.success(), "{made:?}");
    manager.shutdown().await.unwrap();
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}
