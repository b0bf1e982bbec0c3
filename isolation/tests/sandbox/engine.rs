use std::fs;
use std::sync::Arc;
use std::time::Duration;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{
    Command, CopySource, Engine, EnvironmentSpec, ErrorKind, Feature, Input, Mount, ResourceLimits, Signal,
    Status, conformance,
};

use crate::support::{Fixture, as_ordinary_user, as_user_with_others, base, printed, rustix_is_root, sh};

async fn conforms() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let base = base();
    let engine = SandboxEngine::below(base.path());
    let report = conformance::check(Arc::new(engine), &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "something is left");
    drop(fixture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_passes_the_conformance_checks() {
    conforms().await;
}

#[test]
fn conformance_as_an_ordinary_user() {
    as_ordinary_user("engine::engine_passes_the_conformance_checks");
}

#[test]
fn conformance_as_a_user_with_others() {
    as_user_with_others("engine::engine_passes_the_conformance_checks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_walks_agree_with_the_model() {
    if Fixture::new().await.is_none() {
        return;
    }
    let base = base();
    for seed in 1..4 {
        let engine = Arc::new(SandboxEngine::below(base.path()));
        let walked = conformance::walk(engine, &EnvironmentSpec::default, seed, 60).await;
        walked.unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn twenty_commands_with_a_megabyte_each_way() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let runs = (0..20u8).map(|n| {
        let environment = environment.clone();
        tokio::spawn(async move {
            let bytes = vec![n; 1 << 20];
            let command = Command {
                input: Input::Bytes(bytes.clone().into()),
                ..Command::new(["cat"])
            };
            let output = environment.run(command).await.unwrap();
            assert!(output.stdout == bytes && output.exit.success());
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn next_command_works_after_all_were_killed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let error = environment
        .run(Command::shell("kill -9 -1; exit 3"))
        .await
        .unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("how the command ended is unknown"), "{text}");
    assert_eq!(printed(&environment, "echo fine").await, "fine");
    // A command that kills only itself has an exit code.
    assert_eq!(sh(&environment, "kill -9 $$").await.exit.code, 137);
    assert_eq!(sh(&environment, "kill -11 $$").await.exit.code, 139);
}

#[tokio::test]
async fn interrupts_reach_a_command() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let ignored = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
    };
    let inside = ignored(&printed(&environment, "cat /proc/self/status").await);
    let caller = ignored(&fs::read_to_string("/proc/self/status").unwrap());
    assert_eq!(inside & !caller, 0, "more is ignored than by the caller");
    let mut execution = environment
        .execute(Command::new(["sleep", "100000"]))
        .await
        .unwrap();
    execution.kill(Signal::Interrupt).await.unwrap();
    assert_eq!(execution.wait().await.unwrap().code, 130);
}

#[tokio::test]
async fn words_of_any_text_arrive_unchanged() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let words = ["it's", "\"q\"", "a\nb", "$HOME `x` \\", "-n", "", "*", "é€"];
    let argv = ["printf", "<%s>"].into_iter().chain(words);
    let mut command = Command::new(argv);
    command.env.insert("A.B-C".into(), "x'y\n".into());
    let output = environment.run(command).await.unwrap();
    let expected: String = words.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(output.stdout_text(), expected);
    let mut command = Command::new(["env"]);
    command.env.insert("A.B-C".into(), "x'y".into());
    let text = environment.run(command).await.unwrap().stdout_text();
    assert!(text.lines().any(|line| line == "A.B-C=x'y"), "{text}");
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert_eq!(
        names.len(),
        4,
        "only PATH, HOME, HOSTNAME and the given one: {names:?}"
    );
}

#[tokio::test]
async fn mounts_are_seen_with_their_permissions() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    use std::os::unix::fs::PermissionsExt;
    let directory = base();
    let [read, write] = ["read", "write"].map(|name| directory.path().join(name));
    for path in [&read, &write] {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::write(read.join("file"), "from the host").unwrap();
    let mut read_only = Mount::host(&read, "/mnt/in put");
    read_only.read_only = true;
    let spec = EnvironmentSpec {
        mounts: vec![
            read_only,
            Mount::host(&write, "/out"),
            Mount::tmpfs("/scratch", Some(1 << 20)),
        ],
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    assert_eq!(
        printed(&environment, "cat '/mnt/in put/file'").await,
        "from the host"
    );
    assert!(
        !sh(&environment, "echo x > '/mnt/in put/new'")
            .await
            .exit
            .success()
    );
    printed(&environment, "echo written > /out/new").await;
    assert_eq!(fs::read_to_string(write.join("new")).unwrap(), "written\n");
    let full = sh(&environment, "head -c 2000000 /dev/zero > /scratch/x").await;
    assert!(full.stderr_text().contains("No space left"), "{full:?}");
    environment.destroy().await.unwrap();
    assert!(write.join("new").exists() && read.join("file").exists());
}

#[tokio::test]
async fn mount_that_nobody_could_write_is_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    if !rustix_is_root() {
        return;
    }
    let directory = base();
    let spec = |read_only| {
        let mut mount = Mount::host(directory.path(), "/data");
        mount.read_only = read_only;
        EnvironmentSpec {
            mounts: vec![mount],
            ..EnvironmentSpec::default()
        }
    };
    let error = fixture.create(spec(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("mount it read-only"), "{error}");
    fixture.create(spec(true)).await.unwrap();
}

#[tokio::test]
async fn files_are_copied_while_it_is_stopped() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    printed(&environment, "ln -s /etc way; echo kept > /tmp/kept").await;
    environment.stop(Duration::from_secs(10)).await.unwrap();
    environment
        .copy_in(CopySource::bytes("inside"), "way/new")
        .await
        .unwrap();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Stopped);
    for path in ["/proc/version", "/proc"] {
        let target = fixture.base.path().join("copy");
        let error = environment.copy_out(path, &target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
    }
    assert!(!std::path::Path::new("/etc/new").exists(), "a link led outside");
    environment.start().await.unwrap();
    assert_eq!(
        printed(&environment, "cat /etc/new /tmp/kept; stat -c %u /etc/new").await,
        "insidekept\n0"
    );
}

#[tokio::test]
async fn working_directory_that_is_missing_is_an_error() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let command = Command {
        working_dir: Some("/no/such".into()),
        ..Command::new(["true"])
    };
    let error = environment.run(command).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let named = environment.run(Command::new(["a=b"])).await.unwrap_err();
    assert_eq!(named.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn limits_hold_where_there_are_control_groups() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let base = fixture.base.path();
    let capabilities = SandboxEngine::below(base).probe().await.capabilities;
    let limits = ResourceLimits {
        memory: Some(48 << 20),
        pids: Some(40),
        ..ResourceLimits::default()
    };
    let spec = EnvironmentSpec {
        limits,
        ..EnvironmentSpec::default()
    };
    let created = fixture.create(spec).await;
    if !capabilities.has(Feature::MemoryLimit) || !capabilities.has(Feature::PidsLimit) {
        assert!(created.is_err(), "a limit that cannot be kept is refused");
        return;
    }
    let environment = created.unwrap();
    let state = environment.inspect().await.unwrap();
    assert_eq!(state.limits.unwrap().memory, Some(48 << 20));
    let greedy = environment
        .run(Command::new(["tail", "/dev/zero"]))
        .await
        .unwrap();
    assert_eq!(greedy.exit.code, 137);
    let forks = "n=0; while [ $n -lt 100 ]; do sleep 1000 >/dev/null 2>&1 & n=$((n+1)); done";
    let bomb = sh(&environment, forks).await;
    assert!(!bomb.exit.success(), "{bomb:?}");
    assert!(environment.metrics().await.unwrap().memory > 0);
    assert!(environment.processes().await.unwrap().len() > 10);
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

/// The names are also those of variables of the shell that starts the command.
#[tokio::test]
async fn variables_of_a_command_are_those_given() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let names = [
        "env", "first", "io", "leader", "pid", "program", "setsid", "shell", "unset", "word",
    ];
    for more in [&[][..], &[("PWD", "/x"), ("a-b", "1"), ("SHLVL", "7")]] {
        let command = Command {
            env: names
                .map(|name| (name, "of the user"))
                .into_iter()
                .chain(more.iter().copied())
                .collect(),
            ..Command::new(["env"])
        };
        let output = environment.run(command).await.unwrap();
        assert!(output.exit.success(), "{output:?}");
        let mut found: Vec<String> = output.stdout_text().lines().map(str::to_owned).collect();
        found.retain(|line| {
            !["PATH=", "HOME=", "HOSTNAME="]
                .iter()
                .any(|own| line.starts_with(own))
        });
        found.sort();
        let given = names.iter().map(|name| format!("{name}=of the user"));
        let mut expected: Vec<String> = given
            .chain(more.iter().map(|(name, value)| format!("{name}={value}")))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }
    environment.destroy().await.unwrap();
}
