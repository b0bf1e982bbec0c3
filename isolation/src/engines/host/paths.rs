//! Translates paths inside an environment to paths of the machine that are below its root.
//!
//! This protects from mistakes and from links that lead elsewhere. It does not protect from a
//! command that replaces a directory with a link at the right moment; such a command has the user's
//! rights anyway.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::spec::validate;

/// The path on the machine: below `root` if `path` is absolute, otherwise below `working_dir`,
/// which is below `root`. `root` contains no links.
pub(crate) fn resolve(root: &Path, working_dir: &Path, path: &str) -> Result<PathBuf> {
    validate::text("the path", path)?;
    let base = match path.starts_with('/') {
        true => root,
        false => working_dir,
    };
    let outside = || Error::outside(path);
    let mut inside: Vec<OsString> = base
        .strip_prefix(root)
        .map_err(|_| outside())?
        .iter()
        .map(Into::into)
        .collect();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => inside.push(name.to_owned()),
            Component::ParentDir => drop(inside.pop().ok_or_else(outside)?),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    follow(root, &inside, path)
}

/// Follows links in the existing part of the path; the rest is kept unchanged.
fn follow(root: &Path, inside: &[OsString], path: &str) -> Result<PathBuf> {
    let mut found = root.to_owned();
    for (at, name) in inside.iter().enumerate() {
        let next = found.join(name);
        match next.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                // A broken link is rejected, too: writing to it creates a file, perhaps outside.
                let real = next.canonicalize().map_err(|_| Error::outside(path))?;
                if !real.starts_with(root) {
                    return Err(Error::outside(path));
                }
                found = real;
            }
            Ok(_) => found = next,
            Err(error) if is_missing(&error) => {
                found.extend(&inside[at..]);
                return Ok(found);
            }
            Err(error) => return Err(Error::io("inspect", &next, error)),
        }
    }
    Ok(found)
}

/// Whether a path does not exist, perhaps because a file is above it.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn path_outside_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("root");
        fs::create_dir_all(root.join("work/deep")).unwrap();
        fs::write(root.join("../secret"), "x").unwrap();
        symlink("/etc", root.join("work/etc")).unwrap();
        symlink("../../secret", root.join("work/up")).unwrap();
        symlink("/no/such/place", root.join("work/nowhere")).unwrap();
        symlink("deep", root.join("work/fine")).unwrap();
        let work = root.join("work");
        for (path, expected) in [
            ("a.txt", "work/a.txt"),
            ("./deep/../b", "work/b"),
            ("/a", "a"),
            ("/", ""),
            ("..", ""),
            ("../x/y", "x/y"),
            ("fine/c", "work/deep/c"),
            ("//work//deep/", "work/deep"),
        ] {
            assert_eq!(
                resolve(&root, &work, path).unwrap(),
                root.join(expected),
                "{path}"
            );
        }
        for path in [
            "../..",
            "../../secret",
            "/..",
            "/../etc",
            "etc/passwd",
            "etc",
            "up",
            "nowhere",
            "nowhere/x",
        ] {
            let error = resolve(&root, &work, path).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::OutsideEnvironment, "{path}");
        }
        fs::write(work.join("file"), "x").unwrap();
        assert_eq!(resolve(&root, &work, "file/x").unwrap(), work.join("file/x"));
        let long = "x".repeat(300);
        let error = resolve(&root, &work, &long).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Io, "{error}");
        assert!(resolve(&root, &work, "").is_err());
        assert!(resolve(&root, &work, "a\0b").is_err());
    }
}
