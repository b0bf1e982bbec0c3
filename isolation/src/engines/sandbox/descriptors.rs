//! Descriptors that this process has inherited: `bwrap` closes none, so a command could read files
//! outside its root with them.
//!
//! The standard library opens every file so that it closes when a program is started. Only what
//! was there before this process, and what other libraries open, is left.

use std::fs;
use std::path::Path;

use super::NAME;
use crate::error::{Error, Result};

/// The flag of a descriptor that closes when a program is started, in `/proc`.
const CLOSES: u32 = 0o2_000_000;

/// The variable with which bash does not read the start files of the user: it takes one whose input
/// is a socket for one of a remote login, unless another shell has started it.
pub(super) const NO_START_FILES: [(&str, &str); 1] = [("SHLVL", "1")];

/// The shell that can close what would be inherited, and the redirections that do it.
pub(super) fn closing() -> Result<(&'static str, String)> {
    closing_of(&inherited(Path::new("/proc/self/fdinfo"))?)
}

fn closing_of(descriptors: &[u32]) -> Result<(&'static str, String)> {
    let closed: String = descriptors.iter().map(|one| format!("{one}>&- ")).collect();
    // Many shells know descriptors of one digit only.
    let shell = match descriptors.iter().all(|one| *one < 10) {
        true => "/bin/sh",
        false => ["/bin/bash", "/usr/bin/bash"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .ok_or_else(|| {
                let why = format!(
                    "the files {descriptors:?}, which this process has inherited, would be open in the \
                     environment; close them, or install bash"
                );
                Error::unavailable(NAME, why, "close them before the start of this program")
            })?,
    };
    Ok((shell, closed))
}

/// The descriptors that a new program would have, without the three standard ones.
fn inherited(listing: &Path) -> Result<Vec<u32>> {
    let failed = |e| Error::io("list", listing, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(listing).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|number| *number > 2) else {
            continue;
        };
        // One that another thread has closed meanwhile is no longer there.
        let info = fs::read_to_string(entry.path()).unwrap_or_default();
        if flags(&info).is_some_and(|flags| flags & CLOSES == 0) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn flags(info: &str) -> Option<u32> {
    let line = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_with_a_socket_reads_no_start_file() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".bashrc"), "echo read >&2\n").unwrap();
        let (_ours, input) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut command = std::process::Command::new("/bin/bash");
        command
            .args(["-c", "exec true"])
            .env_clear()
            .env("HOME", home.path());
        command
            .envs(NO_START_FILES)
            .stdin(std::os::fd::OwnedFd::from(input));
        // Not every machine has this shell.
        if let Ok(output) = command.output() {
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
    }

    #[test]
    fn inherited_descriptors_are_found_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        for (number, text) in [
            ("0", "pos:\t0\nflags:\t02\n"),
            ("7", "pos:\t0\nflags:\t0100000\nmnt_id:\t9\n"),
            ("5", "pos:\t0\nflags:\t02100000\n"),
            ("9", ""),
        ] {
            fs::write(directory.path().join(number), text).unwrap();
        }
        assert_eq!(inherited(directory.path()).unwrap(), [7]);
        assert_eq!(closing_of(&[7]).unwrap(), ("/bin/sh", "7>&- ".to_owned()));
        assert_eq!(closing_of(&[]).unwrap(), ("/bin/sh", String::new()));
        if let Ok((shell, closed)) = closing_of(&[7, 251]) {
            assert!(shell.ends_with("bash"), "{shell}");
            assert_eq!(closed, "7>&- 251>&- ");
        }
    }
}
