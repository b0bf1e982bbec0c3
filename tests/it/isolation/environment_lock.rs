//! The lock of an environment in a container, and comparisons with it.

use std::sync::{Arc, Mutex};

use fake_engine::{FakeEngine, Process};
use isolation::packages::PackageSources;
use isolation::{EngineChoice, EnvironmentLock, EnvironmentSpec, ErrorKind, Feature, Main, Manager, Result};

use super::docker_engine::{IMAGE, create, on, settle, spec};

/// An engine whose image has packages of Debian, which `set` changes, and Python without packages.
struct Fixture {
    fake: FakeEngine,
    manager: Manager,
    packages: Arc<Mutex<String>>,
}

impl Fixture {
    fn new() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let packages = Arc::new(Mutex::new("installed\tcurl\t8\ninstalled\tvim\t9".to_owned()));
        let listed = Arc::clone(&packages);
        fake.on_command("dpkg-query", move |process: Process| {
            let text = listed.lock().unwrap().clone();
            async move {
                process.write_stdout(&text).await;
                0
            }
        });
        fake.on_command("uname", |process: Process| async move {
            process.write_stdout("Linux aarch64").await;
            0
        });
        fake.on_command("python3", |process: Process| async move {
            if process
                .argv
                .iter()
                .any(|word| word.contains("python_implementation"))
            {
                process.write_stdout("CPython 3.11.7").await;
            }
            0
        });
        let manager = on(&fake);
        Self {
            fake,
            manager,
            packages,
        }
    }

    fn set(&self, packages: &str) {
        packages.clone_into(&mut self.packages.lock().unwrap());
    }

    async fn lock(&self) -> EnvironmentLock {
        let environment = create(&self.manager, spec()).await.unwrap();
        let lock = self.manager.lock(&environment).await.unwrap();
        environment.destroy().await.unwrap();
        lock
    }

    async fn verify(&self, spec: &EnvironmentSpec, lock: &EnvironmentLock) -> Result<()> {
        let selection = self.manager.select(&EngineChoice::Auto, spec).await?;
        self.manager.verify(&selection, spec, lock).await
    }
}

#[tokio::test(start_paused = true)]
async fn lock_has_image_interpreter_and_packages() {
    let fixture = Fixture::new();
    let lock = fixture.lock().await;
    let digest = &lock.images["linux/arm64"];
    assert!(
        digest.starts_with("sha256:") && lock.images.len() == 1,
        "{lock:?}"
    );
    assert_eq!(lock.interpreter.as_deref(), Some("CPython 3.11.7"));
    assert!(lock.features.contains(&Feature::Images), "{lock:?}");
    // The image has no apk and no npm.
    let managers: Vec<_> = lock.packages.keys().map(String::as_str).collect();
    assert_eq!(managers, ["apt", "pip"]);
    let names: Vec<_> = lock.packages["apt"].iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["curl", "vim"]);
    let text = serde_json::to_string(&lock).unwrap();
    assert_eq!(EnvironmentLock::from_json(&text).unwrap(), lock);
    let error = EnvironmentLock::from_json(&text.replace("features", "featrues")).unwrap_err();
    assert!(error.to_string().contains("featrues"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn lock_is_compared_before_the_program_runs() {
    let fixture = Fixture::new();
    let lock = fixture.lock().await;
    let ran = Arc::new(Mutex::new(0));
    let count = Arc::clone(&ran);
    fixture.fake.on_command("program", move |_: Process| {
        *count.lock().unwrap() += 1;
        async { 0 }
    });
    let mut spec = EnvironmentSpec {
        name: Some("web".to_owned()),
        main: Main::Command(isolation::Command::new(["program"])),
        ..spec()
    };
    spec.network.ports.push("8080:80".parse().unwrap());
    fixture.fake.occupy_port(8080);
    fixture.verify(&spec, &lock).await.unwrap();

    fixture.set("installed\tcurl\t8.1\ninstalled\tvim\t9");
    let error = fixture.verify(&spec, &lock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(
        text.contains("differs from its lock: apt: curl: 8 -> 8.1;"),
        "{text}"
    );
    // A package that a new environment lacks: the error says how to add it.
    fixture.set("installed\tcurl\t8");
    let text = fixture.verify(&spec, &lock).await.unwrap_err().to_string();
    assert!(
        text.contains("apt: vim: removed 9; packages are installed from a lock only"),
        "{text}"
    );
    settle().await;
    assert_eq!((*ran.lock().unwrap(), fixture.fake.resources()), (0, Vec::new()));
}

/// The specification itself does not need the feature, so that nothing has asked for it.
#[tokio::test(start_paused = true)]
async fn feature_of_a_lock_is_asked_for() {
    let fixture = Fixture::new();
    fixture.fake.set_info("MemoryLimit", false.into());
    let mut lock = fixture.lock().await;
    fixture.verify(&spec(), &lock).await.unwrap();
    lock.features.insert(Feature::MemoryLimit);
    lock.interpreter = None;
    // As another process does.
    let elsewhere = Fixture {
        manager: on(&fixture.fake),
        ..fixture
    };
    let error = elsewhere.verify(&spec(), &lock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(text.contains("the engine docker does not support"), "{text}");
    assert!(
        text.contains("the interpreter is CPython 3.11.7, not none"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn environment_with_a_program_is_compared_and_created() {
    let fixture = Fixture::new();
    let lock = fixture.lock().await;
    let program = EnvironmentSpec {
        main: Main::Command(isolation::Command::shell("sleep 1000")),
        ..spec()
    };
    let selection = fixture
        .manager
        .select(&EngineChoice::Auto, &program)
        .await
        .unwrap();
    let sources = PackageSources::default();
    let create = || {
        let manager = &fixture.manager;
        manager.create_locked(&selection, program.clone(), &lock, &sources)
    };
    let environment = create().await.unwrap();
    assert_eq!(environment.spec().main, program.main);
    environment.destroy().await.unwrap();
    fixture.set("installed\tcurl\t8.1\ninstalled\tvim\t9");
    let error = create().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    settle().await;
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

/// A package without a digest in the lock is not installed, and the error says so.
#[tokio::test(start_paused = true)]
async fn package_without_an_archive_is_named() {
    let fixture = Fixture::new();
    let mut lock = fixture.lock().await;
    let text = r#"[{"name": "six", "version": "1.16.0"}]"#;
    lock.packages
        .insert("pip".to_owned(), serde_json::from_str(text).unwrap());
    let selection = fixture
        .manager
        .select(&EngineChoice::Auto, &spec())
        .await
        .unwrap();
    let sources = PackageSources::default();
    let created = fixture
        .manager
        .create_locked(&selection, spec(), &lock, &sources)
        .await;
    let error = created.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("; six have "), "{error}");
    settle().await;
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn list_of_packages_that_fails_is_no_lock() {
    let fixture = Fixture::new();
    fixture
        .fake
        .on_command("dpkg-query", |process: Process| async move {
            process.write_stderr("the database is locked").await;
            2
        });
    let environment = create(&fixture.manager, spec()).await.unwrap();
    let error = fixture.manager.lock(&environment).await.unwrap_err();
    let text = tests::chain(&error);
    assert!(text.contains("the database is locked"), "{text}");
    environment.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}
