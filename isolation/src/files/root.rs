//! Resolves paths in the root of an environment from outside, like `chroot`.
//!
//! Directories are opened one by one. A link is read and resolved inside; the system never follows
//! one, so a process in the environment cannot lead an operation elsewhere.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use super::copy::Place;
use super::dir::{Dir, Kind};
use crate::error::{Error, Result};
use crate::spec::validate;

/// The maximum number of links in a path, the same as in the system.
const MOST_LINKS: usize = 40;

/// The position of a path in this root. It may not exist. A relative path starts at `working_dir`.
/// With `make`, its parent directories are created.
pub(crate) fn place(root: &Dir, working_dir: &str, path: &str, make: bool) -> Result<Place> {
    let parts = lexical(working_dir, path)?;
    let failed = |e| Error::io("open", Path::new(path), e);
    let mut walk = Walk {
        above: vec![root.try_clone().map_err(failed)?],
        left: parts.into(),
        links: 0,
    };
    let (mut directory, mut rest) = walk.run().map_err(failed)?;
    let Some(name) = rest.pop() else {
        return Ok(Place::new(directory, OsString::from(".")));
    };
    for part in rest {
        let next = match make {
            true => directory.make_directory(&part),
            false => directory.directory(&part),
        };
        directory = next.map_err(|e| Error::io("open the directory", &directory.path_of(&part), e))?;
    }
    Ok(Place::new(directory, name))
}

/// Follows the directories and links of a path that exist. Returns the last directory, and the
/// names below it that do not exist.
pub(crate) fn existing(root: &Dir, parts: VecDeque<OsString>) -> io::Result<(Dir, Vec<OsString>)> {
    let mut walk = Walk {
        above: vec![root.try_clone()?],
        left: parts,
        links: 0,
    };
    walk.run()
}

/// Fails if an absolute path contains a link, or if one of its parents is a file.
#[cfg(target_os = "linux")]
pub(crate) fn reject_links(root: &Dir, path: &str) -> Result<()> {
    let mut parts = lexical("/", path)?.into_iter().peekable();
    let failed = |e| Error::io("open", Path::new(path), e);
    let mut directory = root.try_clone().map_err(failed)?;
    while let Some(name) = parts.next() {
        match directory.kind(&name).map_err(failed)? {
            None => break,
            Some(Kind::Directory) => directory = directory.directory(&name).map_err(failed)?,
            Some(Kind::File | Kind::Special) if parts.peek().is_none() => {}
            Some(_) => {
                let at = directory.path_of(&name);
                return Err(Error::invalid(format!(
                    "cannot mount {path}: {} in the environment is a link or a file; remove it",
                    at.display()
                )));
            }
        }
    }
    Ok(())
}

/// The parts of a path below the root; `..` above the root is an error.
fn lexical(working_dir: &str, path: &str) -> Result<Vec<OsString>> {
    validate::text("the path", path)?;
    let mut parts: Vec<OsString> = Vec::new();
    let start = if path.starts_with('/') { "/" } else { working_dir };
    for component in Path::new(start).components().chain(Path::new(path).components()) {
        match component {
            Component::Normal(name) => parts.push(name.to_owned()),
            Component::ParentDir => drop(parts.pop().ok_or_else(|| Error::outside(path))?),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(parts)
}

/// A walk from the root.
struct Walk {
    /// The directories on the way, the root first.
    above: Vec<Dir>,
    left: VecDeque<OsString>,
    links: usize,
}

impl Walk {
    /// Follows existing directories and links. Returns the last directory, and the remaining names
    /// below it: empty if the path is that directory.
    fn run(&mut self) -> io::Result<(Dir, Vec<OsString>)> {
        while let Some(name) = self.left.pop_front() {
            if name == ".." {
                if self.above.len() > 1 {
                    self.above.pop();
                }
                continue;
            }
            let here = self.here()?;
            match here.kind(&name)? {
                Some(Kind::Link) => {
                    let target = here.link_target(&name)?;
                    self.follow(&target)?;
                }
                Some(Kind::Directory) => {
                    let next = here.directory(&name)?;
                    self.above.push(next);
                }
                Some(Kind::File | Kind::Special) if !self.left.is_empty() => {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
                _ => {
                    let mut rest = vec![name];
                    rest.extend(self.left.drain(..));
                    if rest.iter().any(|part| part == "..") {
                        return Err(io::ErrorKind::NotFound.into());
                    }
                    return Ok((self.here()?.try_clone()?, rest));
                }
            }
        }
        // The path is a directory. It is returned as a name in its parent, so that it can be
        // replaced or copied.
        Ok((self.here()?.try_clone()?, Vec::new()))
    }

    fn here(&self) -> io::Result<&Dir> {
        self.above.last().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn follow(&mut self, target: &OsStr) -> io::Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        let target = Path::new(target);
        if target.is_absolute() {
            self.above.truncate(1);
        }
        for component in target.components().rev() {
            match component {
                Component::Normal(name) => self.left.push_front(name.to_owned()),
                Component::ParentDir => self.left.push_front("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::files::copy;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside_as_in_a_chroot() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().join("root");
        fs::create_dir_all(top.join("etc")).unwrap();
        fs::create_dir_all(top.join("work/deep")).unwrap();
        fs::write(directory.path().join("secret"), "outside").unwrap();
        symlink("/etc", top.join("work/absolute")).unwrap();
        symlink("../../../../etc", top.join("work/up")).unwrap();
        symlink("/secret", top.join("work/file")).unwrap();
        symlink("loop", top.join("loop")).unwrap();
        let root = Dir::open_root(&top, None).unwrap();
        for (path, written) in [
            ("plain", "work/plain"),
            ("/plain", "plain"),
            ("absolute/one", "etc/one"),
            ("up/two", "etc/two"),
            ("file", "secret"),
            ("new/way/down", "work/new/way/down"),
            ("deep/../x", "work/x"),
        ] {
            let place = place(&root, "/work", path, true).unwrap();
            copy::write_file(path.as_bytes(), 0o644, &place).unwrap();
            assert_eq!(fs::read(top.join(written)).unwrap(), path.as_bytes(), "{path}");
        }
        let secret = fs::read(directory.path().join("secret")).unwrap();
        assert_eq!(secret, b"outside");
        for path in ["../..", "/..", "../../secret"] {
            let error = place(&root, "/work", path, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutsideEnvironment, "{path}");
        }
        for path in ["/work/absolute", "/work/absolute/x", "/work/plain/x", "/loop"] {
            assert_eq!(
                reject_links(&root, path).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{path}"
            );
        }
        for path in ["/work/deep", "/work/plain", "/work/new/none/x", "/etc"] {
            reject_links(&root, path).unwrap();
        }
        place(&root, "/", "loop/x", true).unwrap_err();
        place(&root, "/", "plain/x", true).unwrap_err();
        assert!(place(&root, "/", "missing/x", false).is_err());
        let directory = place(&root, "/", "work", false).unwrap();
        assert_eq!(directory.kind().unwrap(), Some(Kind::Directory));
    }

    #[test]
    fn link_through_a_missing_directory_leads_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        for target in ["missing/../x", "missing/deep/.."] {
            let link = directory.path().join("link");
            symlink(target, &link).unwrap();
            let root = Dir::open_root(directory.path(), None).unwrap();
            assert!(place(&root, "/", "link", true).is_err(), "{target}");
            fs::remove_file(&link).unwrap();
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
