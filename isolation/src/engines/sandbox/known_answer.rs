//! The answer of a probe that another process of this user has had: two starts of `bwrap` take
//! longer than the start of an environment.
//!
//! It is used only where nothing has changed on which it depends. A creation that fails
//! nevertheless reports the same reason and hint as a probe.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::{Identity, find_program};
use super::internet_probe::{self, Possible};
use super::slirp::PROGRAM;
use crate::environment::id::random_hex;

/// The longest answer that is read.
const LONGEST: u64 = 64 << 10;

/// The line of an answer with access to the internet, and the beginning of that without.
const INTERNET: &str = "internet";
const NO_INTERNET: &str = "no internet: ";

/// How old a failed try for access to the internet may be.
const REPEATED: Duration = Duration::from_secs(600);

/// Files on which an answer depends: the boot, the settings of the kernel, the restrictions of this
/// process.
const FILES: [&str; 5] = [
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/self/attr/current",
];

/// The namespaces of this process: a container has others than this machine.
const NAMESPACES: [&str; 3] = ["mnt", "pid", "user"];

/// The facts on which an answer depends, and the place where it is kept.
#[derive(Debug)]
pub(super) struct Situation {
    file: PathBuf,
    facts: String,
}

impl Situation {
    /// The situation of this process; `None` if it cannot be described. `directory` is private.
    pub(super) fn now(directory: &Path, base: &Path, identity: Identity) -> Option<Self> {
        let path = super::PATH.split(':').map(|at| Path::new(at).join("bwrap"));
        let bwrap = path.into_iter().find_map(|path| path.metadata().ok())?;
        let mut facts = format!(
            "{} {} {} {} {} {identity:?} {}\n",
            env!("CARGO_PKG_VERSION"),
            bwrap.ino(),
            bwrap.len(),
            bwrap.mtime(),
            bwrap.mtime_nsec(),
            base.display()
        );
        // Access to the internet depends on a program and a device.
        let program = find_program(PROGRAM).and_then(|path| path.metadata().ok());
        let of_program = program.map(|meta| (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()));
        facts.push_str(&format!("{of_program:?} {:?}\n", internet_probe::prerequisites()));
        for file in FILES {
            facts.push_str(&fs::read_to_string(file).unwrap_or_default());
        }
        for namespace in NAMESPACES {
            let link = fs::read_link(format!("/proc/self/ns/{namespace}")).ok()?;
            facts.push_str(&link.to_string_lossy());
        }
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let restrictions = status.lines().filter(|line| {
            ["CapEff", "NoNewPrivs", "Seccomp"]
                .iter()
                .any(|name| line.starts_with(name))
        });
        restrictions.for_each(|line| facts.push_str(line));
        Some(Self {
            file: directory.join("probed"),
            facts,
        })
    }

    /// The version of `bwrap` with which a sandbox was started in this situation, and whether it
    /// had access to the internet. A failed try for that is repeated after some minutes.
    pub(super) fn known(&self) -> Option<(String, Possible)> {
        let mut text = String::new();
        let file = fs::File::open(&self.file).ok()?;
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        let (version, rest) = text.split_once('\n')?;
        let (internet, facts) = rest.split_once('\n')?;
        if facts != self.facts {
            return None;
        }
        let internet = match internet.strip_prefix(NO_INTERNET) {
            None if internet == INTERNET => Ok(()),
            Some(why) if self.age()? <= REPEATED => Err(why.to_owned()),
            _ => return None,
        };
        Some((version.to_owned(), internet))
    }

    /// How old the answer is.
    fn age(&self) -> Option<Duration> {
        let written = fs::metadata(&self.file).ok()?.modified().ok()?;
        Some(written.elapsed().unwrap_or_default())
    }

    /// Keeps the answer for other processes, if that is possible.
    pub(super) fn keep(&self, version: &str, internet: &Possible) {
        let internet = match internet {
            Ok(()) => INTERNET.to_owned(),
            Err(why) => format!("{NO_INTERNET}{}", why.replace('\n', " ")),
        };
        let new = self.file.with_extension(random_hex());
        let mut options = fs::OpenOptions::new();
        let written = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(format!("{version}\n{internet}\n{}", self.facts).as_bytes()))
            .and_then(|()| fs::rename(&new, &self.file));
        if written.is_err() {
            // The next process probes too.
            let _ = fs::remove_file(&new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn answer_is_kept_for_the_same_situation() {
        let directory = tempfile::tempdir().unwrap();
        let now = |base: &str| Situation::now(directory.path(), Path::new(base), Identity::Caller);
        let Some(situation) = now("/tmp") else {
            return; // there is no bwrap
        };
        assert_eq!(situation.known(), None);
        for internet in [Err("no way".to_owned()), Ok(())] {
            situation.keep("bubblewrap 1", &internet);
            let known = Some(("bubblewrap 1".to_owned(), internet));
            assert_eq!(now("/tmp").unwrap().known(), known);
        }
        situation.keep("bubblewrap 1", &Err("no\nway".to_owned()));
        let (_, internet) = situation.known().unwrap();
        assert_eq!(internet, Err("no way".to_owned()));
        let file = fs::File::options().write(true).open(&situation.file).unwrap();
        file.set_modified(SystemTime::now() - 2 * REPEATED).unwrap();
        assert_eq!(situation.known(), None, "an old failure");
        assert_eq!(now("/var/tmp").unwrap().known(), None, "another directory");
        fs::write(&situation.file, "bubblewrap 1").unwrap();
        assert_eq!(now("/tmp").unwrap().known(), None, "a damaged file");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::remove_dir_all(directory.path()).unwrap();
        situation.keep("bubblewrap 1", &Ok(()));
    }
}
