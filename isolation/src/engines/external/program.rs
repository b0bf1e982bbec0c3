//! The process of the other program: its start, its exit, and its standard error.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// The time that the program may take to exit after its input has ended: it destroys its
/// environments.
pub(super) const ENDING: Duration = Duration::from_secs(10);

/// The time that child processes may take to exit after a crash of the program.
const AFTER_A_CRASH: Duration = Duration::from_secs(1);

/// The length of its standard error that is kept for messages.
const LAST_WORDS: usize = 2 << 10;

/// The standard streams of the program.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts the program.
pub(super) fn spawn(program: &PathBuf) -> io::Result<(Child, Pipes)> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal must not end it before its environments are removed.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pipes = child
        .stdin
        .take()
        .zip(child.stdout.take())
        .zip(child.stderr.take());
    let pipes = pipes.map(|((stdin, stdout), stderr)| Pipes {
        stdin,
        stdout,
        stderr,
    });
    let missing = || io::Error::other("the program has no pipes");
    Ok((child, pipes.ok_or_else(missing)?))
}

fn pid(child: &Child) -> Option<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.and_then(Pid::from_raw)
}

/// Waits until the program exits; returns its exit status. Its PID is not reused before the wait.
pub(super) async fn ended(child: &Child) -> String {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        let Some(pid) = pid(child) else {
            return "its exit status is lost".to_owned();
        };
        match waitid(WaitId::Pid(pid), options) {
            Ok(Some(status)) => {
                return match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => format!("exit status: {code}"),
                    (None, Some(signal)) => format!("signal: {signal}"),
                    (None, None) => "in an unknown way".to_owned(),
                };
            }
            Ok(None) => sleep(Duration::from_millis(5)).await,
            Err(error) => return error.to_string(),
        }
    }
}

/// Ends the program. If it does not exit by itself with success, its child processes get some time
/// to exit; then all processes of its group are killed.
pub(super) async fn end(child: &mut Child) {
    let how = timeout(ENDING, ended(child)).await;
    if how.as_deref() != Ok("exit status: 0") {
        if how.is_ok() {
            sleep(AFTER_A_CRASH).await;
        }
        if let Some(group) = pid(child) {
            // The group may be empty.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    // The program has ended.
    let _ = child.wait().await;
}

/// Keeps the end of standard error.
pub(super) async fn listen(mut stderr: impl AsyncRead + Unpin, last_words: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut piece).await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(&piece[..count]);
        let excess = words.len().saturating_sub(LAST_WORDS);
        words.drain(..excess);
    }
}
