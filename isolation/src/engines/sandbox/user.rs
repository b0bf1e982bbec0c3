//! Commands as another user than root.
//!
//! A user is looked up in the files of the environment, by the rules of Docker. An image may have
//! no program that changes the user, so the one of this machine is lent to it: `setpriv`, with its
//! libraries, in the directory of the pipes.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::NAME;
use super::identity::COUNT;
use super::layout::Layout;
use super::script::PIPES;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::dir::Owner;
use crate::files::remove_tree::remove_tree;

/// The directory of the lent program in that of the pipes.
const LENT: &str = "lent";

/// The lent program.
const SETPRIV: &str = "setpriv";

/// The words that start it with its own libraries.
const LOADER: &str = "loader";

/// How a command runs as another user than root.
#[derive(Debug)]
pub(super) struct RunAs {
    /// The user on this machine.
    pub(super) owner: Owner,
    /// The user inside.
    pub(super) inside: Owner,
    /// The words before those of the command.
    pub(super) words: Vec<String>,
    /// The home directory, inside.
    pub(super) home: String,
}

/// A user of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    user: u32,
    group: u32,
    /// The other groups.
    groups: Vec<u32>,
    home: String,
}

impl User {
    /// The user that `user`, `user:group` or their numbers mean, with these files of the
    /// environment.
    pub(super) fn find(text: &str, passwd: &str, group: &str) -> Result<Self> {
        let (name, group_name) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
            None => (text, None),
        };
        let name = if name.is_empty() { "0" } else { name };
        let missing = |what: &str, name: &str, file: &str| {
            Error::not_found(format!("the environment has no {what} {name} in its {file}"))
        };
        let known = lines(passwd).find(|fields| named(fields, name));
        let field = |at: usize| known.as_ref()?.get(at).copied();
        let number = |at: usize| field(at)?.parse::<u32>().ok();
        let user = number(2).or_else(|| name.parse().ok());
        let user = user.ok_or_else(|| missing("user", name, "/etc/passwd"))?;
        let (own_group, groups) = match group_name {
            Some(wanted) => {
                let found = lines(group).find(|fields| named(fields, wanted));
                let found = found.and_then(|fields| fields.get(2)?.parse().ok());
                let found = found.or_else(|| wanted.parse().ok());
                (
                    found.ok_or_else(|| missing("group", wanted, "/etc/group"))?,
                    Vec::new(),
                )
            }
            None => {
                let own = number(3).unwrap_or(0);
                let member = |fields: &Vec<&str>| {
                    let members = fields.get(3).copied().unwrap_or_default();
                    field(0).is_some_and(|name| members.split(',').any(|one| one == name))
                };
                let others = lines(group).filter(member);
                let others = others.filter_map(|fields| fields.get(2)?.parse().ok());
                (own, others.filter(|one| *one != own).collect())
            }
        };
        let home = field(5).filter(|home| home.starts_with('/')).unwrap_or("/");
        let found = Self {
            user,
            group: own_group,
            groups,
            home: home.to_owned(),
        };
        let largest = found.groups.iter().chain([&found.user, &found.group]).max();
        match largest.filter(|id| **id >= COUNT) {
            None => Ok(found),
            Some(id) => Err(Error::invalid(format!(
                "the user {text} has the number {id}; an environment has users and groups below {COUNT}"
            ))),
        }
    }

    /// Whether commands run as this user without a change.
    fn is_root(&self) -> bool {
        self.user == 0 && self.group == 0 && self.groups.is_empty()
    }

    /// The words that run a command as this user in an environment with several users, with other
    /// options of `setpriv`; `None` if nothing is needed. This blocks.
    pub(super) fn run_as(self, layout: &Layout, options: Vec<String>) -> Result<Option<RunAs>> {
        if !layout.identity().has_users() || (self.is_root() && options.is_empty()) {
            return Ok(None);
        }
        Ok(Some(RunAs {
            owner: layout.identity().outside(self.user, self.group),
            inside: Owner {
                user: self.user,
                group: self.group,
            },
            words: self.words(layout, options)?,
            home: self.home,
        }))
    }

    fn words(&self, layout: &Layout, options: Vec<String>) -> Result<Vec<String>> {
        let mut words = lend(layout)?;
        words.push(format!("--reuid={}", self.user));
        words.push(format!("--regid={}", self.group));
        words.push(match self.groups.as_slice() {
            [] => "--clear-groups".to_owned(),
            groups => {
                let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
                format!("--groups={}", groups.join(","))
            }
        });
        words.extend(options);
        words.push("--".to_owned());
        Ok(words)
    }
}

/// The lines of a file of users or groups, in fields.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text
        .lines()
        .map(|line| line.trim().split(':').collect::<Vec<_>>());
    lines.filter(|fields| fields.len() >= 3)
}

/// Whether a line is that of a name or a number.
fn named(fields: &[&str], wanted: &str) -> bool {
    let is_number = wanted.bytes().all(|byte| byte.is_ascii_digit());
    fields[0] == wanted || (is_number && fields[2].parse::<u32>().ok() == wanted.parse().ok())
}

/// The files of the lent program on this machine.
#[derive(Debug)]
struct Files {
    program: PathBuf,
    loader: Option<PathBuf>,
    libraries: Vec<PathBuf>,
}

/// Lends the program to an environment, unless it has it. Returns the words that start it, inside.
fn lend(layout: &Layout) -> Result<Vec<String>> {
    static FILES: OnceLock<Files> = OnceLock::new();
    let files = match FILES.get() {
        Some(files) => files,
        None => {
            let found = Files::find()?;
            FILES.get_or_init(|| found)
        }
    };
    let to = layout.pipes().join(LENT);
    if !to.exists() {
        let new = layout.pipes().join(format!("{LENT}-{}", random_hex()));
        let lent = files.copy(&new).and_then(|()| match fs::rename(&new, &to) {
            // Another command has done it meanwhile.
            Err(_) if to.exists() => remove_tree(&new),
            renamed => renamed,
        });
        lent.map_err(|e| Error::io("lend setpriv to the environment", &to, e))?;
    }
    Ok(files.words())
}

impl Files {
    fn find() -> Result<Self> {
        let path = super::PATH.split(':');
        let mut places = path.map(|directory| Path::new(directory).join(SETPRIV));
        let program = places.find(|place| place.is_file()).ok_or_else(|| {
            let why = "this machine has no setpriv, which starts commands as another user than root";
            Error::unavailable(NAME, why, "install the package util-linux")
        })?;
        let listed = Command::new("ldd")
            .arg(&program)
            .env_clear()
            .env("PATH", super::PATH)
            .output()
            .map_err(|error| Error::unavailable(NAME, format!("ldd cannot be run: {error}"), "install it"))?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        // A program without libraries is listed with an error.
        let (loader, libraries) = parts(&text);
        Ok(Self {
            program,
            loader,
            libraries,
        })
    }

    /// The words that start the program, inside. A static one needs no loader.
    fn words(&self) -> Vec<String> {
        let inside = format!("{PIPES}/{LENT}");
        let program = format!("{inside}/{SETPRIV}");
        match &self.loader {
            Some(_) => vec![
                format!("{inside}/{LOADER}"),
                "--library-path".to_owned(),
                inside,
                program,
            ],
            None => vec![program],
        }
    }

    fn copy(&self, to: &Path) -> std::io::Result<()> {
        DirBuilder::new().mode(0o755).create(to)?;
        let copy = |from: &Path, name: &std::ffi::OsStr| {
            use std::os::unix::fs::PermissionsExt;
            let to = to.join(name);
            fs::copy(from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
        };
        copy(&self.program, SETPRIV.as_ref())?;
        if let Some(loader) = &self.loader {
            copy(loader, LOADER.as_ref())?;
        }
        for library in &self.libraries {
            copy(library, library.file_name().unwrap_or_default())?;
        }
        fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o755))
    }
}

/// The loader and the libraries in a list of `ldd`.
fn parts(text: &str) -> (Option<PathBuf>, Vec<PathBuf>) {
    let mut loader = None;
    let mut libraries = Vec::new();
    for line in text.lines() {
        let line = line.rsplit_once(" (0x").map_or(line, |(line, _)| line).trim();
        match line.split_once(" => ") {
            // An old version of glibc lists its loader so.
            Some((name, path)) if name.starts_with('/') => loader = Some(PathBuf::from(path)),
            Some((_, path)) if path.starts_with('/') => libraries.push(PathBuf::from(path)),
            None if line.starts_with('/') && !line.ends_with(':') => loader = Some(PathBuf::from(line)),
            _ => {}
        }
    }
    (loader, libraries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\nbroken\napp:x:1000:1001:App:/srv/app:/bin/sh\n\
                          12:x:7:8::relative:\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:app,other\napp:x:1001:app\nwheel:x:10:root,app\n";

    fn user(user: u32, group: u32, groups: &[u32], home: &str) -> User {
        User {
            user,
            group,
            groups: groups.to_vec(),
            home: home.to_owned(),
        }
    }

    /// As Docker does it: a name may look like a number, an unknown number is a user.
    #[test]
    fn users_are_those_that_docker_finds() {
        for (text, expected) in [
            ("app", user(1000, 1001, &[50, 10], "/srv/app")),
            ("1000", user(1000, 1001, &[50, 10], "/srv/app")),
            ("app:wheel", user(1000, 10, &[], "/srv/app")),
            ("app:77", user(1000, 77, &[], "/srv/app")),
            ("app:", user(1000, 1001, &[50, 10], "/srv/app")),
            (":staff", user(0, 50, &[], "/root")),
            ("4321", user(4321, 0, &[], "/")),
            ("4321:50", user(4321, 50, &[], "/")),
            ("12", user(7, 8, &[], "/")),
            ("root", user(0, 0, &[10], "/root")),
        ] {
            assert_eq!(User::find(text, PASSWD, GROUP).unwrap(), expected, "{text}");
        }
        assert!(User::find("0", "", "").unwrap().is_root());
    }

    #[test]
    fn unknown_or_too_large_user_is_an_error() {
        for (text, kind, part) in [
            ("nobody", ErrorKind::NotFound, "no user nobody in its /etc/passwd"),
            (
                "app:nobody",
                ErrorKind::NotFound,
                "no group nobody in its /etc/group",
            ),
            ("65536", ErrorKind::InvalidInput, "below 65536"),
            ("app:70000", ErrorKind::InvalidInput, "70000"),
            ("-1", ErrorKind::NotFound, "no user -1"),
        ] {
            let error = User::find(text, PASSWD, GROUP).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn loader_and_libraries_are_read_from_the_list() {
        let glibc = "\tlinux-vdso.so.1 (0x00007f87d90a1000)\n\
                     \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f87d8e92000)\n\
                     \tlibx.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f87d90a3000)\n";
        let (loader, libraries) = parts(glibc);
        assert_eq!(loader, Some("/lib64/ld-linux-x86-64.so.2".into()));
        assert_eq!(libraries, [PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6")]);
        let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f3)\n\
                    \tlibcap-ng.so.0 => /usr/lib/libcap-ng.so.0 (0x7f2)\n\
                    \tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f3)\n";
        let (loader, libraries) = parts(musl);
        assert_eq!(loader, Some("/lib/ld-musl-x86_64.so.1".into()));
        assert_eq!(libraries.len(), 2);
        assert_eq!(parts("\tnot a dynamic executable\n"), (None, Vec::new()));
    }

    #[test]
    fn static_program_is_lent_without_a_loader() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("static");
        fs::write(&program, "text").unwrap();
        let files = |loader: Option<PathBuf>| Files {
            program: program.clone(),
            loader,
            libraries: Vec::new(),
        };
        let lent = |files: &Files, name: &str| {
            let to = directory.path().join(name);
            files.copy(&to).unwrap();
            (fs::read_dir(&to).unwrap().count(), files.words())
        };
        let started = format!("{PIPES}/{LENT}/{SETPRIV}");
        assert_eq!(lent(&files(None), "one"), (1, vec![started.clone()]));
        let (count, words) = lent(&files(Some(program.clone())), "two");
        assert_eq!((count, words.last()), (2, Some(&started)));
        assert_eq!(words.len(), 4, "{words:?}");
    }
}
