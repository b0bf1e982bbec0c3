//! The processes of an environment, as this machine sees them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::NAME;
use super::first_process::Stat;
use super::instance::SandboxInstance;
use crate::BoxFuture;
use crate::engine::instance::Processes;
use crate::engines::host::blocking;
use crate::error::Result;
use crate::process::ProcessEntry;

impl Processes for SandboxInstance {
    fn list(&self) -> BoxFuture<'_, Result<Vec<ProcessEntry>>> {
        let tree = self.sandbox.process();
        Box::pin(blocking(NAME, move || {
            let found = tree.map(|process| process.tree()).unwrap_or_default();
            // One that has ended meanwhile is left out.
            Ok(found
                .into_iter()
                .filter_map(|(pid, stat)| entry(pid, stat))
                .collect())
        }))
    }
}

fn entry(pid: i32, stat: Stat) -> Option<ProcessEntry> {
    let user = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    let command = match words.trim_end() {
        "" => format!(
            "[{}]",
            fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end()
        ),
        // The first process has its whole script as an argument.
        text => text.lines().next().unwrap_or_default().to_owned(),
    };
    Some(ProcessEntry {
        parent: stat.parent.unsigned_abs(),
        user: user.to_string(),
        cpu_time: clock(stat.cpu_time / 100),
        command,
        ..ProcessEntry::new(pid.unsigned_abs())
    })
}

fn clock(seconds: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::super::first_process::Process;
    use super::*;

    #[test]
    fn cpu_time_is_printed_as_by_ps() {
        assert_eq!(clock(0), "00:00:00");
        assert_eq!(clock(3600 * 25 + 61), "25:01:01");
    }

    #[test]
    fn process_without_words_has_its_name_in_brackets() {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new("cat");
        let stdin = std::process::Stdio::piped();
        let mut child = command.arg0("").stdin(stdin).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let stat = Process::running(pid).unwrap().tree()[&pid];
        let found = entry(pid, stat).unwrap();
        assert_eq!(found.command, "[cat]");
        assert_eq!(found.parent, std::process::id());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(entry(pid, stat).is_none(), "it has ended");
    }
}
