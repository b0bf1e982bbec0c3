//! Ends the processes of an environment when its owner exits, also by `kill -9`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::environment_processes::MARK;
use super::process::close_descriptors;
use crate::environment::id::EnvironmentId;

/// A shell waits for the end of its input, which only the owner keeps open. It then kills every
/// process with the mark `$1`, until none is left. The cleanup of the journal handles a process
/// without environment variables.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r _
rounds=0
while [ $rounds -lt 50 ]; do
  found=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
  [ -n "$found" ] || exit 0
  for file in $found; do
    pid=${file#/proc/}
    kill -9 "${pid%%/*}" 2>/dev/null
  done
  rounds=$((rounds + 1))
done
"#;

/// A process that ends the processes of an environment after this process has exited. Dropping it
/// stops it without an effect.
#[derive(Debug)]
pub(crate) struct Watcher(Child);

impl Watcher {
    /// Starts the process.
    pub(crate) fn start(id: &EnvironmentId) -> io::Result<Self> {
        close_descriptors();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "isolation-watcher", &format!("{MARK}={id}")])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal is only for the owner.
            .process_group(0);
        shell.spawn().map(Self)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It is killed before its input ends. It has not been waited for, so its PID is not reused.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
