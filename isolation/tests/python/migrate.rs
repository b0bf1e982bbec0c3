use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use isolation::engines::basic::BasicEngine;
use isolation::engines::virtualenv::VirtualenvEngine;
use isolation::{
    Command, Destination, EngineChoice, Environment, EnvironmentSpec, ErrorKind, EventKind, Manager,
    MigrateOptions, MigrationStep, Registry,
};
use tempfile::TempDir;

use crate::engine::{cache, printed, run};

/// A manager with both engines of this machine, and their directories.
struct Fixture {
    basic: TempDir,
    python: TempDir,
    manager: Manager,
}

impl Fixture {
    fn new() -> Self {
        let (basic, python) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut registry = Registry::new();
        registry.register(BasicEngine::below(basic.path())).unwrap();
        let engine = VirtualenvEngine::below(python.path()).with_cache(cache());
        registry.register(engine).unwrap();
        let manager = Manager::new(registry);
        Self {
            basic,
            python,
            manager,
        }
    }

    async fn create(&self, engine: &str) -> Environment {
        let spec = EnvironmentSpec {
            env: [("TOKEN", "hunter2")].into(),
            working_dir: Some("/src".into()),
            ..EnvironmentSpec::default()
        };
        let choice = EngineChoice::Named(engine.to_owned());
        self.manager.create(&choice, spec).await.unwrap()
    }

    fn count(&self) -> (usize, usize) {
        let count = |directory: &TempDir| fs::read_dir(directory.path()).unwrap().count();
        (count(&self.basic), count(&self.python))
    }
}

const FILES: &str =
    "echo one >a && chmod 750 a && ln -s a l && mkdir d && echo t >/dev/null && touch -d @100 d";
const LOOK: &str = "stat -c '%n %F %a %Y' a d; cat a; readlink l; echo $TOKEN; pwd | grep -c /src";

#[tokio::test]
async fn files_move_between_engines_of_this_machine() {
    let fixture = Fixture::new();
    let mut events = fixture.manager.subscribe();
    for (from, to) in [("basic", "virtualenv"), ("virtualenv", "basic")] {
        let source = fixture.create(from).await;
        run(&source, &["sh", "-c", FILES]).await;
        let before = printed(&source, &["sh", "-c", LOOK]).await;
        let options = MigrateOptions {
            probe: Some(Command::shell("test -f a")),
            remove_source: true,
            ..MigrateOptions::default()
        };
        let migrated = fixture
            .manager
            .migrate(&source, &Destination::engine(to), options)
            .await
            .unwrap();
        assert_eq!(migrated.environment.engine(), to);
        assert_eq!(
            printed(&migrated.environment, &["sh", "-c", LOOK]).await,
            before,
            "{to}"
        );
        assert!(migrated.source_removed);
        assert!(
            migrated.plan.lost.iter().any(|left| left.what.contains("memory")),
            "{:?}",
            migrated.plan
        );
        migrated.environment.destroy().await.unwrap();
        assert_eq!(fixture.count(), (0, 0), "{from}");
    }
    let mut steps = Vec::new();
    while let Some(Ok(event)) = events.next().await {
        if let EventKind::Migrating { step } = event.kind {
            steps.push(step);
            if steps.len() == 8 {
                break;
            }
        }
    }
    let expected = [
        MigrationStep::Planned,
        MigrationStep::Read,
        MigrationStep::Written,
        MigrationStep::Tested,
    ];
    assert_eq!(steps, [expected, expected].concat());
}

/// A pipe or a socket stopped the migration.
#[tokio::test]
async fn special_files_move_or_are_listed() {
    let fixture = Fixture::new();
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    for (from, to) in [("basic", "virtualenv"), ("virtualenv", "basic")] {
        let source = fixture.create(from).await;
        let make = "mkfifo -m 640 p && echo x >a && mkdir d && ln a d/b && chmod 4755 a && \
                    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'";
        run(&source, &["sh", "-c", make]).await;
        if is_root {
            run(&source, &["chown", "5:6", "d"]).await;
        }
        let look = "stat -c '%n %F %a %u:%g' p a d/b d; stat -c %h a; ls -A";
        let before = printed(&source, &["sh", "-c", look]).await;
        let options = MigrateOptions::default();
        let to = Destination::engine(to);
        let migrated = fixture.manager.migrate(&source, &to, options).await.unwrap();
        let moved = &migrated.environment;
        let found = printed(moved, &["sh", "-c", look]).await;
        assert_eq!(found, before.replace("\ns", ""), "{from}");
        let lost: Vec<&str> = migrated.plan.lost.iter().map(|left| left.what.as_str()).collect();
        assert!(lost.contains(&"the socket /src/s"), "{lost:?}");
        assert!(!lost.iter().any(|what| what.contains("owners")), "{lost:?}");
        moved.destroy().await.unwrap();
        source.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn failed_migration_leaves_only_the_source() {
    let fixture = Fixture::new();
    let source = fixture.create("virtualenv").await;
    run(&source, &["sh", "-c", FILES]).await;
    let before = printed(&source, &["sh", "-c", LOOK]).await;
    let to = Destination::engine("basic");
    for (argv, why) in [
        ("echo no >&2; exit 3", "exit code 3): no"),
        ("exit 9", "exit code 9"),
    ] {
        let options = MigrateOptions {
            probe: Some(Command::shell(argv)),
            remove_source: true,
            ..MigrateOptions::default()
        };
        let error = fixture.manager.migrate(&source, &to, options).await.unwrap_err();
        assert!(format!("{error:#} {error:?}").contains(why), "{error:?}");
        assert_eq!(fixture.count(), (0, 1));
        assert_eq!(printed(&source, &["sh", "-c", LOOK]).await, before);
    }
    for (to, options, kind) in [
        (
            Destination::engine("virtualenv"),
            MigrateOptions::default(),
            ErrorKind::InvalidInput,
        ),
        (
            Destination::engine("nothing"),
            MigrateOptions::default(),
            ErrorKind::NoEngine,
        ),
        (
            to.clone(),
            MigrateOptions {
                directory: Some("/".into()),
                ..MigrateOptions::default()
            },
            ErrorKind::InvalidInput,
        ),
    ] {
        let error = fixture.manager.migrate(&source, &to, options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    source.stop(std::time::Duration::ZERO).await.unwrap();
    let error = fixture
        .manager
        .migrate(&source, &to, MigrateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    assert_eq!(fixture.count(), (0, 1));
}

#[tokio::test]
async fn plan_changes_nothing() {
    let fixture = Fixture::new();
    let source = fixture.create("virtualenv").await;
    // A package of a source directory that does not move.
    let outside = tempfile::tempdir().unwrap();
    let make = format!(
        "import sysconfig, os
site = sysconfig.get_path('purelib')
os.makedirs(site + '/mine-1.0.dist-info')
write = lambda name, text: open(f'{{site}}/mine-1.0.dist-info/{{name}}', 'w').write(text)
write('METADATA', 'Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n')
write('direct_url.json', '{{\"url\": \"file://{0}\", \"dir_info\": {{\"editable\": true}}}}')
open(site + '/mine.pth', 'w').write('{0}\\n')",
        outside.path().display()
    );
    printed(&source, &["python", "-c", &make]).await;
    let plan = fixture
        .manager
        .plan_migration(&source, &Destination::engine("basic"), &MigrateOptions::default())
        .await
        .unwrap();
    let lost: Vec<&str> = plan.lost.iter().map(|left| left.what.as_str()).collect();
    assert!(lost.iter().any(|what| what.contains("(mine.pth)")), "{lost:?}");
    assert!(!lost.iter().any(|what| what.contains("owners")), "{lost:?}");
    assert!(
        lost.iter().any(|what| what.starts_with("the use of ")),
        "{lost:?}"
    );
    assert!(!serde_json::to_string(&plan).unwrap().contains("hunter2"));
    assert_eq!(fixture.count(), (0, 1));
    let kept: PathBuf = outside.path().into();
    assert!(kept.is_dir());
}
