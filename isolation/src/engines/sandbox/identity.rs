//! Which users of this machine the users of an environment are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::dir::Owner;

/// How many users an environment of root has.
pub(super) const COUNT: u32 = 65_536;

/// The first range that is tried; those of ordinary users and of `useradd` are elsewhere.
const FIRST: u32 = 200_000;

/// The user of this machine that is the root of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// The caller, and there is no other user. The caller is not root.
    Caller,
    /// The caller, and the others are the users and groups from `first` on, which `/etc/subuid` and
    /// `/etc/subgid` give to the caller. The caller is not root.
    Mapped {
        /// User and group 1 in the environment.
        first: u32,
    },
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
            return Ok(subordinate_of_caller().map_or(Self::Caller, |first| Self::Mapped { first }));
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

    /// Whether there are other users than root.
    pub(super) fn has_users(self) -> bool {
        self != Self::Caller
    }

    /// The user and the group of this machine that those of the environment are.
    pub(super) fn outside(self, user: u32, group: u32) -> Owner {
        let caller = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        match self {
            Self::Range { first } => Owner {
                user: first + user,
                group: first + group,
            },
            Self::Mapped { first } => Owner {
                user: user.checked_sub(1).map_or(caller.0, |user| first + user),
                group: group.checked_sub(1).map_or(caller.1, |group| first + group),
            },
            Self::Caller => Owner {
                user: caller.0,
                group: caller.1,
            },
        }
    }

    /// The owner of what is created for the environment, if it is not the caller.
    pub(super) fn owner(self) -> Option<Owner> {
        match self {
            Self::Caller | Self::Mapped { .. } => None,
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
            Self::Mapped { first } => format!(
                "root, who is the caller, and users {first} to {} of this machine",
                first + (COUNT - 2)
            ),
            Self::Range { first } => format!("users {first} to {} of this machine", first + COUNT - 1),
        }
    }
}

/// Why an ordinary user has no other users in its environments.
pub(super) fn why_single() -> String {
    let why = match subordinate_of_caller() {
        Err(why) => why,
        Ok(_) => "newuidmap cannot map them here".to_owned(),
    };
    format!(
        "there is one user, root, who is the caller: {why}; install the package uidmap, and give the caller \
         a range of {COUNT} users with `usermod --add-subuids` and `--add-subgids`"
    )
}

/// The file of a program of this machine.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    let places = super::PATH.split(':').map(Path::new);
    places.map(|place| place.join(name)).find(|path| path.is_file())
}

/// The first of the users and groups that the caller may map; an error says why the caller may map
/// no users.
fn subordinate_of_caller() -> std::result::Result<u32, String> {
    for program in ["newuidmap", "newgidmap"] {
        if find_program(program).is_none() {
            return Err(format!("the program {program} is missing"));
        }
    }
    let me = rustix::process::geteuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd
        .lines()
        .find(|line| single(line).is_some_and(|(id, _)| id == u64::from(me)));
    let name = name.and_then(|line| line.split(':').next()).unwrap_or_default();
    let ranges = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        ranges_of(&text, name, me)
    };
    common(&ranges("/etc/subuid"), &ranges("/etc/subgid")).ok_or_else(|| {
        format!(
            "/etc/subuid and /etc/subgid have no range of {} users for it",
            COUNT - 1
        )
    })
}

/// The ranges of a user in a file, by its name or its number.
fn ranges_of(text: &str, name: &str, id: u32) -> Vec<(u64, u64)> {
    let number = id.to_string();
    let own = text.lines().filter(|line| {
        let owner = line.split(':').next().unwrap_or_default();
        owner == number || (!name.is_empty() && owner == name)
    });
    own.filter_map(subordinate).collect()
}

/// The start of users that are in a range of both lists: one number serves for users and groups.
fn common(users: &[(u64, u64)], groups: &[(u64, u64)]) -> Option<u32> {
    let both = users.iter().flat_map(|a| {
        let overlap = move |b: &(u64, u64)| (a.0.max(b.0), a.1.min(b.1));
        groups.iter().map(overlap)
    });
    let large = both.filter(|(from, to)| *from > 0 && *to >= from + u64::from(COUNT - 1));
    large.filter_map(|(from, _)| u32::try_from(from).ok()).min()
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
    fn users_of_the_caller_are_in_both_files() {
        let text = "alice:100000:65536\n1000:300000:65536\nbob:500000:9\nalicex:7:65536\n";
        assert_eq!(ranges_of(text, "alice", 1), [(100_000, 165_536)]);
        assert_eq!(ranges_of(text, "", 1000), [(300_000, 365_536)]);
        assert_eq!(ranges_of(text, "", 7), []);
        let whole = (100_000, 165_536);
        assert_eq!(common(&[whole], &[whole]), Some(100_000));
        assert_eq!(
            common(&[(100_000, 165_535)], &[whole]),
            Some(100_000),
            "root is the caller"
        );
        assert_eq!(common(&[whole], &[(100_001, 165_535)]), None, "too short");
        assert_eq!(common(&[whole], &[(165_536, 300_000)]), None, "no user of both");
        let two = [(300_000, 400_000), whole];
        assert_eq!(common(&two, &[(310_000, 400_000)]), Some(310_000));
        assert_eq!(
            common(&[(0, 100_000)], &[(0, 100_000)]),
            None,
            "root of this machine"
        );
        let mapped = Identity::Mapped { first: 100_000 };
        assert_eq!(
            mapped.outside(1, 33),
            Owner {
                user: 100_000,
                group: 100_032
            }
        );
        assert_eq!(mapped.outside(0, 0), Identity::Caller.outside(0, 0));
        assert!(
            mapped.text().ends_with("100000 to 165534 of this machine"),
            "{}",
            mapped.text()
        );
    }

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
