//! Runs a program to its end, with a timeout and bounded output.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::files::copy::Stop;

/// How much of an output is kept: the last bytes.
const KEPT: usize = 64 << 10;

/// How long an output is waited for that a process outside the group holds open.
const LATE: Duration = Duration::from_millis(500);

/// How often a stop is looked for.
const PAUSE: Duration = Duration::from_millis(20);

/// A program that has ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// The end of standard output.
    pub(super) stdout: Vec<u8>,
    /// The end of standard error.
    pub(super) stderr: Vec<u8>,
}

impl Finished {
    /// The last lines of its errors, else of its output, as one line for a message.
    pub(super) fn last_lines(&self) -> String {
        let output = match self.stderr.trim_ascii() {
            [] => self.stdout.trim_ascii(),
            some => some,
        };
        let text = String::from_utf8_lossy(output);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
}

/// Runs the program in a process group of its own, in `/`, and kills what is left of the group at
/// the end. The error is a sentence about "it".
pub(super) fn run(command: &mut Command, timeout: Duration, stop: &Stop) -> Result<Finished, String> {
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| format!("it cannot be run: {error}"))?;
    let stdout = collected(child.stdout.take());
    let stderr = collected(child.stderr.take());
    let pid = Pid::from_child(&child);
    let in_time = ends_within(pid, timeout, stop);
    // It has not been waited for, so its PID is its own. Processes that it has started in its group
    // hold the pipes open. An error means that the group is empty.
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child
        .wait()
        .map_err(|error| format!("it cannot be waited for: {error}"))?;
    if !in_time {
        return Err(format!("it did not end within {} s", timeout.as_secs()));
    }
    let last = |output: Receiver<Vec<u8>>| output.recv_timeout(LATE).unwrap_or_default();
    Ok(Finished {
        status,
        stdout: last(stdout),
        stderr: last(stderr),
    })
}

/// Reads an output to its end in a thread, and keeps the last bytes.
fn collected(output: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 8 << 10]);
        let Some(mut output) = output else { return };
        // An error is the end of what can be read.
        while let Ok(read @ 1..) = output.read(&mut piece) {
            kept.extend_from_slice(&piece[..read]);
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
        // It fails after the timeout, when the receiver is gone.
        let _ = sender.send(kept);
    });
    receiver
}

/// Waits for the end of a child, which stays to be waited for; at the timeout or a stop it is
/// killed, and this is `false`.
fn ends_within(pid: Pid, timeout: Duration, stop: &Stop) -> bool {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        scope.spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
            // The receiver waits for this thread.
            let _ = sender.send(());
        });
        loop {
            match ended.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) if began.elapsed() < timeout && stop.check().is_ok() => {}
                Err(RecvTimeoutError::Timeout) => {
                    // An error means that it has ended.
                    let _ = kill_process_group(pid, Signal::KILL);
                    return false;
                }
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<Finished, String> {
        run(Command::new("sh").args(["-c", script]), timeout, &Stop::default())
    }

    #[test]
    fn output_is_cut_to_its_end() {
        let script = "head -c 300000 /dev/zero | tr '\\0' x; echo end; echo why >&2; exit 3";
        let finished = shell(script, Duration::from_secs(60)).unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.stdout.len(), KEPT);
        assert!(finished.stdout.ends_with(b"xend\n"));
        assert_eq!(finished.last_lines(), "why");
    }

    #[test]
    fn program_that_hangs_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid.display());
        let error = shell(&script, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, "it did not end within 1 s");
        let pid = std::fs::read_to_string(pid).unwrap();
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            // A zombie is killed, and its new parent has not waited for it yet.
            !stat.is_empty() && !stat.contains(") Z ")
        };
        // Without a timeout: the test runner reports a test that hangs.
        while lives() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // A process of another group holds the output.
        let finished = shell("setsid sleep 3 & echo x", Duration::from_secs(60)).unwrap();
        assert!(finished.status.success());
        let error = run(
            &mut Command::new("/no/such/program"),
            Duration::ZERO,
            &Stop::default(),
        )
        .unwrap_err();
        assert!(error.starts_with("it cannot be run: "), "{error}");
    }
}
