//! The main process with its streams under supervision, on the fake engine: the output of all its
//! runs, signals between them, and what ends the restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake_engine::FakeEngine;
use isolation::{
    Command, Environment, EnvironmentSpec, Execution, HealthSpec, Main, Manager, Recovery, RestartOnExit,
    RestartSpec, Signal, Status, TerminalSize,
};
use tests::chain;
use tokio::time::timeout;

use super::docker_engine::{IMAGE, create, on, spec};

/// The exit code of a run, which may also last until it is ended.
type Ends = fn(usize) -> Option<i32>;

/// An environment whose main process counts its runs.
struct Counting {
    fake: FakeEngine,
    _manager: Manager,
    environment: Environment,
    runs: Arc<AtomicUsize>,
    execution: Execution,
}

impl Counting {
    async fn start(ends: Ends, more: EnvironmentSpec) -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        fake.on_command("count", move |process| {
            let run = counted.fetch_add(1, Ordering::AcqRel) + 1;
            async move {
                process.write_stdout(&format!("run {run}")).await;
                match ends(run) {
                    Some(code) => code,
                    None => std::future::pending().await,
                }
            }
        });
        fake.on_command("fail", |_| async { 1 });
        let manager = on(&fake);
        let created = EnvironmentSpec {
            main: Main::Command(Command {
                terminal: Some(TerminalSize::default()),
                ..Command::shell("count")
            }),
            ..more
        };
        let environment = create(&manager, created).await;
        let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
        environment.stop(Duration::ZERO).await.unwrap();
        runs.store(0, Ordering::Release);
        let execution = environment.start_attached().await;
        let execution = execution.unwrap_or_else(|error| panic!("{}", chain(&error)));
        Self {
            fake,
            _manager: manager,
            environment,
            runs,
            execution,
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Acquire)
    }

    /// Reads until this run has ended, and the next one has not begun.
    async fn until_ended(&mut self, run: usize) {
        let end = format!("run {run}");
        let mut text = String::new();
        while !text.contains(&end) {
            let chunk = self.execution.next().await.unwrap().unwrap();
            if let isolation::Chunk::Stdout(bytes) = chunk {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        // Less than the first pause.
        let next = timeout(Duration::from_millis(50), self.execution.next()).await;
        assert!(next.is_err(), "{next:?}");
        assert_eq!(self.runs(), run);
    }

    async fn destroy(self) {
        drop(self.execution);
        self.environment.destroy().await.unwrap();
        assert_eq!(self.fake.resources(), [""; 0]);
    }
}

fn restarting(on_exit: RestartOnExit, mut restart: RestartSpec) -> EnvironmentSpec {
    restart.on_exit = on_exit;
    EnvironmentSpec {
        restart: Some(restart),
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn output_of_all_runs_is_one_stream() {
    for recovery in [Recovery::Restart, Recovery::Recreate] {
        let restart = RestartSpec {
            recovery,
            ..RestartSpec::default()
        };
        let spec = restarting(RestartOnExit::Failure, restart);
        let mut counting = Counting::start(|run| Some(if run < 3 { 3 } else { 0 }), spec).await;
        let mut text = String::new();
        while let Some(chunk) = counting.execution.next().await.unwrap() {
            if let isolation::Chunk::Stdout(bytes) = chunk {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines, ["run 1", "run 2", "run 3"], "{recovery:?}");
        assert_eq!(counting.execution.wait().await.unwrap().code, 0);
        // Both do nothing after the end.
        counting.execution.kill(Signal::Terminate).await.unwrap();
        counting.execution.resize(TerminalSize::default()).await.unwrap();
        assert_eq!(counting.environment.status(), Status::Stopped);
        counting.destroy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_end_at_their_maximum() {
    let restart = RestartSpec {
        max_attempts: Some(2),
        ..RestartSpec::default()
    };
    let spec = restarting(RestartOnExit::Always, restart);
    let mut counting = Counting::start(|_| Some(4), spec).await;
    assert_eq!(counting.execution.wait().await.unwrap().code, 4);
    assert_eq!(counting.runs(), 3);
    let why = counting.environment.stopped_because().unwrap();
    assert!(why.contains("restarted 2 times in a row"), "{why}");
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn failure_that_is_final_is_remembered() {
    let restart = RestartSpec {
        recovery: Recovery::Fail,
        ..RestartSpec::default()
    };
    let spec = restarting(RestartOnExit::Failure, restart);
    let mut counting = Counting::start(|_| Some(4), spec).await;
    assert_eq!(counting.execution.wait().await.unwrap().code, 4);
    assert_eq!(counting.environment.status(), Status::Failed);
    let error = counting.environment.start().await.unwrap_err();
    assert!(
        chain(&error).contains("its main process ended"),
        "{}",
        chain(&error)
    );
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn signal_between_two_runs_ends_the_restarts() {
    let spec = restarting(RestartOnExit::Always, RestartSpec::default());
    let mut counting = Counting::start(|_| Some(5), spec).await;
    counting.until_ended(2).await;
    // A size and a signal that ends nothing find no process.
    counting.execution.resize(TerminalSize::default()).await.unwrap();
    counting.execution.kill(Signal::Hangup).await.unwrap();
    counting.execution.kill(Signal::Terminate).await.unwrap();
    assert_eq!(counting.execution.wait().await.unwrap().code, 5);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(counting.runs(), 2);
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn stop_between_two_runs_ends_the_restarts() {
    let spec = restarting(RestartOnExit::Always, RestartSpec::default());
    let mut counting = Counting::start(|_| Some(5), spec).await;
    counting.until_ended(1).await;
    counting.environment.stop(Duration::ZERO).await.unwrap();
    assert_eq!(counting.execution.wait().await.unwrap().code, 5);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(counting.runs(), 1);
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn signal_to_a_run_is_its_end() {
    let spec = restarting(RestartOnExit::Always, RestartSpec::default());
    let mut counting = Counting::start(|_| None, spec).await;
    assert!(counting.execution.next().await.unwrap().is_some());
    counting.execution.resize(TerminalSize::default()).await.unwrap();
    counting.execution.kill(Signal::Kill).await.unwrap();
    assert_eq!(counting.execution.wait().await.unwrap().code, 137);
    assert_eq!(counting.runs(), 1);
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn unhealthy_run_is_ended_and_followed() {
    let restart = RestartSpec {
        on_unhealthy: true,
        max_attempts: Some(1),
        ..RestartSpec::default()
    };
    let spec = EnvironmentSpec {
        health: Some(HealthSpec {
            check: Some(Command::shell("fail")),
            interval: Some(Duration::from_secs(1)),
            retries: Some(1),
            ..HealthSpec::default()
        }),
        ..restarting(RestartOnExit::Never, restart)
    };
    let mut counting = Counting::start(|run| (run > 1).then_some(6), spec).await;
    assert_eq!(counting.execution.wait().await.unwrap().code, 6);
    assert_eq!(counting.runs(), 2);
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_supervised_process_is_for_its_last_run() {
    let restarted = RestartSpec {
        on_exit: RestartOnExit::Failure,
        ..RestartSpec::default()
    };
    let more = EnvironmentSpec {
        restart: Some(restarted),
        ..spec()
    };
    let ends: Ends = |run| Some(if run < 3 { 1 } else { 0 });
    let mut counting = Counting::start(ends, more).await;
    let exit = counting.execution.wait().await.unwrap();
    assert_eq!((exit.code, counting.runs()), (0, 3));
    counting.destroy().await;
}

/// The checks end with the environment; they do not end the run again.
#[tokio::test(start_paused = true)]
async fn health_check_of_a_stopped_run_is_over() {
    let health = HealthSpec {
        check: Some(Command::new(["true"])),
        interval: Some(Duration::from_secs(1)),
        ..HealthSpec::default()
    };
    let more = EnvironmentSpec {
        health: Some(health),
        ..spec()
    };
    let counting = Counting::start(|_| None, more).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    counting.environment.stop(Duration::ZERO).await.unwrap();
    counting.fake.reset();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let requests = counting.fake.requests();
    let stops = requests.iter().filter(|request| request.contains("/stop"));
    assert_eq!(stops.count(), 0, "{requests:#?}");
    assert_eq!(counting.environment.status(), Status::Stopped);
    counting.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn wait_without_reading_lasts_to_the_last_run() {
    let more = restarting(RestartOnExit::Failure, RestartSpec::default());
    let mut counting = Counting::start(|run| Some(i32::from(run < 3)), more).await;
    let exit = counting.execution.wait().await.unwrap();
    assert_eq!((exit.code, counting.runs()), (0, 3));
    counting.destroy().await;
}
