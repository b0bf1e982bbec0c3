//! Which users of this machine the users of an environment are.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::dir::Owner;

/// How many users an environment of root has.
pub(super) const COUNT: u32 = 65_536;

/// The first range that is tried; those of ordinary users and of `useradd` are elsewhere.
const FIRST: u32 = 200_000;

/// Who the root of an environment is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// The caller, and there is no other user. The caller is not root.
    Caller,
    /// The first one of [`COUNT`] users that nothing else on this machine has. The caller is root:
    /// root itself in an environment could write to the settings of the kernel.
    Range {
        /// Root in the environment.
        first: u32,
    },
}

impl Identity {
    /// The identity for environments of this process.
    pub(super) fn of_this_process() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Caller);
        }
        let read = |path: &str| match fs::read_to_string(path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Error::io("read", Path::new(path), error)),
        };
        let mut taken = Vec::new();
        for file in ["/etc/subuid", "/etc/subgid"] {
            taken.extend(read(file)?.lines().filter_map(subordinate));
        }
        for file in ["/etc/passwd", "/etc/group"] {
            taken.extend(read(file)?.lines().filter_map(single));
        }
        match free(&taken) {
            Some(first) => Ok(Self::Range { first }),
            None => Err(Error::invalid(
                "no range of 65536 users is free on this machine; shorten those of /etc/subuid",
            )),
        }
    }

    /// The owner of what is created for the environment, if it is not the caller.
    pub(super) fn owner(self) -> Option<Owner> {
        match self {
            Self::Caller => None,
            Self::Range { first } => Some(Owner {
                user: first,
                group: first,
            }),
        }
    }

    /// A description for people.
    pub(super) fn text(self) -> String {
        match self {
            Self::Caller => "one user, root, who is the caller".to_owned(),
            Self::Range { first } => format!("users {first} to {} of this machine", first + COUNT - 1),
        }
    }
}

/// The range in a line of `/etc/subuid`.
fn subordinate(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split(':').skip(1);
    let first: u64 = fields.next()?.trim().parse().ok()?;
    let count: u64 = fields.next()?.trim().parse().ok()?;
    Some((first, first.saturating_add(count)))
}

/// The user in a line of `/etc/passwd`, or the group in one of `/etc/group`.
fn single(line: &str) -> Option<(u64, u64)> {
    let id: u64 = line.split(':').nth(2)?.parse().ok()?;
    Some((id, id + 1))
}

/// The start of the first range that overlaps none of these.
fn free(taken: &[(u64, u64)]) -> Option<u32> {
    let mut first = FIRST;
    loop {
        let end = first.checked_add(COUNT).filter(|end| *end < 1 << 31)?;
        let overlaps = |(from, to): &&(u64, u64)| *from < u64::from(end) && *to > u64::from(first);
        if !taken.iter().any(|range| overlaps(&range)) {
            return Some(first);
        }
        first = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_overlaps_no_other() {
        assert_eq!(free(&[]), Some(200_000));
        let taken = ["alice:100000:65536", "bob:231072:65536", "broken", "x:y:z"];
        let taken: Vec<_> = taken.iter().copied().filter_map(subordinate).collect();
        assert_eq!(taken, [(100_000, 165_536), (231_072, 296_608)]);
        assert_eq!(
            free(&taken),
            Some(331_072),
            "the first two overlap the second range"
        );
        assert_eq!(
            single("carol:x:200005:100::/home/carol:/bin/sh"),
            Some((200_005, 200_006))
        );
        assert_eq!(free(&[(200_005, 200_006)]), Some(265_536));
        assert_eq!(free(&[(0, u64::MAX)]), None);
    }
}
