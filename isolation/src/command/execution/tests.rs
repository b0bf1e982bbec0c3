//! Tests of executions, with a process of a few lines.

use super::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A process with output until it is killed. It has a limit, so that no test runs forever.
struct Chatty {
    left: u32,
    killed: bool,
}

impl RunningProcess for Chatty {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        self.left = self.left.saturating_sub(1);
        let goes_on = !self.killed && self.left > 0;
        let chunk = goes_on.then(|| Chunk::Stdout(Bytes::from_static(b"y\n")));
        Box::pin(std::future::ready(Ok(chunk)))
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        let code = if self.killed { 137 } else { 0 };
        Box::pin(std::future::ready(Ok(ExitStatus::from_code(code))))
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        self.killed = true;
        Box::pin(std::future::ready(Ok(())))
    }
}

fn chatty() -> Execution {
    let process = Chatty {
        left: 1000,
        killed: false,
    };
    let timeout = Some(Duration::from_secs(60));
    Execution::new(
        Box::new(process),
        None,
        &Command {
            timeout,
            ..Command::new(["yes"])
        },
    )
}

#[tokio::test(start_paused = true)]
async fn timeout_does_not_wait_for_a_pause_in_output() {
    let mut execution = chatty();
    assert!(execution.next().await.unwrap().is_some());
    tokio::time::advance(Duration::from_secs(61)).await;
    let exit = execution.wait().await.unwrap();
    assert!(exit.timed_out && exit.code == 137, "{exit}");
}

/// The exit of a forked process killed the commands of its parent.
#[tokio::test]
async fn execution_of_another_process_is_not_dropped() {
    struct Told(Arc<Mutex<u32>>);
    impl Drop for Told {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    impl RunningProcess for Told {
        fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
            Box::pin(std::future::ready(Ok(None)))
        }

        fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
            Box::pin(std::future::ready(Ok(ExitStatus::from_code(0))))
        }

        fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }
    let dropped = Arc::new(Mutex::new(0));
    for (creator, expected) in [(Creator::another_process(), 0), (Creator::this_process(), 1)] {
        let process = Box::new(Told(Arc::clone(&dropped)));
        let mut execution = Execution::new(process, None, &Command::new(["x"]));
        execution.creator = creator;
        drop(execution);
        assert_eq!(*dropped.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn only_a_terminal_can_be_resized() {
    let mut execution = chatty();
    assert!(!execution.has_terminal());
    let error = execution.resize(TerminalSize::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    execution.terminal = true;
    let error = execution.resize(TerminalSize::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let none = TerminalSize { rows: 0, columns: 0 };
    assert_eq!(
        execution.resize(none).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn end_is_reported_once() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let tell = || {
        let reported = Arc::clone(&reported);
        Box::new(move |exit: Option<ExitStatus>| reported.lock().unwrap().push(exit.map(|e| e.code)))
    };
    let mut execution = chatty();
    execution.on_end(tell());
    execution.wait().await.unwrap();
    execution.wait().await.unwrap();
    drop(execution);
    let mut execution = chatty();
    execution.on_end(tell());
    drop(execution);
    assert_eq!(*reported.lock().unwrap(), [Some(0), None]);
}

/// A process without output that ends when it is killed.
struct Silent {
    killed: bool,
}

impl RunningProcess for Silent {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async {
            match self.killed {
                true => Ok(ExitStatus::from_code(137)),
                false => std::future::pending().await,
            }
        })
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        self.killed = true;
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test(start_paused = true)]
async fn timeout_ends_a_command_that_closed_its_output() {
    let command = Command {
        timeout: Some(Duration::from_secs(60)),
        ..Command::new(["sleep", "1000"])
    };
    let mut execution = Execution::new(Box::new(Silent { killed: false }), None, &command);
    assert!(execution.next().await.unwrap().is_none());
    assert_eq!(execution.exit(), None);
    let exit = execution.wait().await.unwrap();
    assert!(exit.timed_out && exit.code == 137, "{exit}");
    assert_eq!(execution.exit(), Some(exit));
}

#[tokio::test]
async fn command_that_did_not_start_cannot_be_killed() {
    let mut execution = Execution::not_started(&Command::new(["x"]), 127, "program not found");
    execution.kill(Signal::Kill).await.unwrap();
    let output = execution.output().await.unwrap();
    assert_eq!(output.exit.code, 127);
    assert!(output.stderr_text().contains("program not found"));
}
