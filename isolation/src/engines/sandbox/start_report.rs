//! The output of a start: the report of `bwrap` about its child, and messages.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::NAME;
use crate::error::{Error, Result};

/// The most that is read of what a start prints.
pub(super) const LONGEST: usize = 64 << 10;

/// Appends what is new in a file, up to a limit.
pub(super) fn read(file: &File, text: &mut Vec<u8>) -> Result<()> {
    let mut piece = [0; 4096];
    while text.len() < LONGEST {
        let read = file.read_at(&mut piece, text.len() as u64);
        match read.map_err(|error| Error::engine(NAME, error))? {
            0 => break,
            read => text.extend_from_slice(&piece[..read]),
        }
    }
    Ok(())
}

/// The PID in a line of the report about the child.
pub(super) fn child_pid(line: &str) -> Option<i32> {
    let (name, number) = line.trim().trim_end_matches(',').split_once(':')?;
    (name == "\"child-pid\"")
        .then(|| number.trim().parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_is_read_from_the_report() {
        let report = "{\n    \"child-pid\": 4711,\n    \"ipc-namespace\": 40\n}\nbwrap: no\n";
        let pids: Vec<i32> = report.lines().filter_map(child_pid).collect();
        assert_eq!(pids, [4711]);
    }
}
