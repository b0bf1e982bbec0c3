//! The main process of an environment: the program of an image or a command.

use std::time::Duration;

use isolation::{
    Command, EngineChoice, EnvironmentSpec, ErrorKind, Lifetime, LogOptions, LogProbe, Main, Signal, Status,
    TerminalSize, WaitFor,
};
use tar::Builder;

use crate::images::{WithImage, append, programs, saved};
use crate::support::{Fixture, as_ordinary_user, as_user_with_others, has_users, manager, printed};

/// How long a busy machine may take.
const LONG: Duration = Duration::from_secs(60);

/// An image whose program ends with 9 at its own signal.
fn image() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let script = "#!/bin/sh\ntrap 'echo asked; exit 9' QUIT\ntrap '' TERM\necho \"serves $@ $(id -u)\"\n\
                  echo warns >/dev/stderr\necho more >>/dev/stdout\nwhile :; do sleep 0.05; done\n";
    append(&mut builder, "bin/server", script.as_bytes(), 0o755);
    append(
        &mut builder,
        "etc/passwd",
        b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\n",
        0o644,
    );
    let config =
        r#"{"Env":["PATH=/bin"],"Entrypoint":["server"],"Cmd":["-a"],"User":"app","StopSignal":"SIGQUIT"}"#;
    saved(&[programs(), builder.into_inner().unwrap()], config, "server:1")
}

async fn log(environment: &isolation::Environment) -> Vec<String> {
    let lines = environment.logs(LogOptions::default()).await.unwrap();
    let lines = lines.lines().await.unwrap();
    lines.iter().map(|line| line.text_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_is_the_program_of_the_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    fixture.import(&image()).await.unwrap();
    for (main, argument) in [(Main::Image, "-a"), (Main::Arguments(vec!["-b".into()]), "-b")] {
        let spec = EnvironmentSpec {
            image: Some("server:1".into()),
            main,
            ..EnvironmentSpec::default()
        };
        let environment = fixture.manager.create(&EngineChoice::Auto, spec).await.unwrap();
        let more = WaitFor::Log(LogProbe::new("^more$"));
        environment.wait_until(&more, LONG).await.unwrap();
        let user = if has_users() { "1000" } else { "0" };
        let serves = format!("serves {argument} {user}");
        assert_eq!(log(&environment).await, [serves.as_str(), "more", "warns"]);
        assert_eq!(printed(&environment, "echo beside").await, "beside");
        // The image ignores SIGTERM, and names another signal.
        environment.stop(LONG).await.unwrap();
        assert_eq!(environment.wait().await.unwrap().code, 9);
        assert_eq!(log(&environment).await, [&serves, "more", "asked", "warns"]);
        let last = LogOptions {
            tail: Some(1),
            ..LogOptions::default()
        };
        let last = environment.logs(last).await.unwrap().lines().await.unwrap();
        assert_eq!(last.len(), 2, "the last line of each output: {last:?}");
        environment.destroy().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[test]
fn image_program_as_an_ordinary_user() {
    as_ordinary_user("main_process::main_process_is_the_program_of_the_image");
    as_user_with_others("main_process::main_process_is_the_program_of_the_image");
}

async fn not_started(fixture: &Fixture, command: Command) -> isolation::Environment {
    let choice = EngineChoice::Auto;
    let spec = with_main(command);
    let selection = fixture.manager.select(&choice, &spec).await.unwrap();
    fixture.manager.create_unstarted(&selection, spec).await.unwrap()
}

fn with_main(command: Command) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(command),
        ..EnvironmentSpec::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_that_is_kept_is_seen_by_others() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let script = "echo one; trap 'exit 4' USR1; while :; do sleep 0.05; done";
    let spec = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..with_main(Command::shell(script))
    };
    let environment = fixture.create(spec).await.unwrap();
    let id = environment.id().clone();
    drop(environment);
    let other = manager(fixture.base.path());
    let opened = other.open(id.as_str()).await.unwrap();
    assert_eq!(opened.status(), Status::Running);
    let one = WaitFor::Log(LogProbe::new("^one$"));
    opened.wait_until(&one, LONG).await.unwrap();
    let waiting = tokio::spawn({
        let opened = opened.clone();
        async move { opened.wait().await }
    });
    opened.kill(Signal::User1).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().code, 4);
    let inspected = fixture.manager.open(id.as_str()).await.unwrap();
    let state = inspected.inspect().await.unwrap();
    assert_eq!(
        (state.status, state.exit.map(|exit| exit.code)),
        (Status::Stopped, Some(4))
    );
    let listed = other.registry().list().await.0.remove(0);
    assert_eq!((listed.status, listed.exit_code), (Status::Stopped, Some(4)));
    assert!(listed.created.is_some(), "{listed:?}");
    // Its log continues over its runs.
    opened.start().await.unwrap();
    let lines = async {
        while log(&opened).await != ["one", "one"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, lines).await.unwrap();
    opened.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_killed_inside_ends_the_environment() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = not_started(&fixture, Command::shell("sleep 100000")).await;
    let early = environment.wait().await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WrongStatus, "{early}");
    environment.start().await.unwrap();
    // Also the shell that waits for the main process.
    environment.run(Command::shell("kill -9 -1")).await.unwrap_err();
    let exit = tokio::time::timeout(LONG, environment.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(exit.code, 137);
    assert_eq!(environment.inspect().await.unwrap().status, Status::Stopped);
    environment.start().await.unwrap();
    assert_eq!(printed(&environment, "echo again").await, "again");
    environment.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_on_a_terminal_has_to_be_attached() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut command = Command::shell("tty; exit 3");
    command.terminal = Some(TerminalSize {
        rows: 24,
        columns: 80,
    });
    let environment = not_started(&fixture, command).await;
    let error = environment.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let output = environment
        .start_attached()
        .await
        .unwrap()
        .output()
        .await
        .unwrap();
    assert!(output.stdout_text().starts_with("/dev/pts/"), "{output:?}");
    assert_eq!(output.exit.code, 3);
    assert!(log(&environment).await[0].starts_with("/dev/pts/"));
    let timed = LogOptions {
        since: Some(std::time::SystemTime::now()),
        ..LogOptions::default()
    };
    let error = environment.logs(timed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    environment.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_of_no_image_is_an_error() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        main: Main::Image,
        ..EnvironmentSpec::default()
    };
    let error = fixture.create(spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fixture.left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_killed_at_its_memory_limit() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut spec = with_main(Command::shell("exec tail /dev/zero"));
    spec.limits.memory = Some(32 << 20);
    let environment = match fixture.create(spec).await {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        created => created.unwrap(),
    };
    let exit = tokio::time::timeout(LONG, environment.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(exit.code == 137 && exit.oom, "{exit:?}");
    // An end by a signal is no end at the limit.
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}
