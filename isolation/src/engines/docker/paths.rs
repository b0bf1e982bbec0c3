//! Paths inside an environment.

use crate::error::{Error, Result};
use crate::spec::validate;

/// The absolute path without `.` and `..`. The daemon resolves links, and never outside the
/// container.
pub(super) fn resolve(working_dir: &str, path: &str) -> Result<String> {
    validate::text("the path", path)?;
    let base = if path.starts_with('/') { "" } else { working_dir };
    let mut inside: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(inside.pop().ok_or_else(|| Error::outside(path))?),
            name => inside.push(name),
        }
    }
    Ok(format!("/{}", inside.join("/")))
}

/// The path of a working directory. Its `..` stay: after a link, they lead elsewhere than without.
pub(super) fn join(working_dir: &str, path: &str) -> Result<String> {
    resolve(working_dir, path)?;
    Ok(match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", working_dir.trim_end_matches('/')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn working_directory_keeps_its_dots() {
        assert_eq!(join("/", "link/..").unwrap(), "/link/..");
        assert_eq!(join("/work", "/a/../b").unwrap(), "/a/../b");
        assert!(join("/work", "../../..").is_err());
    }

    #[test]
    fn path_outside_is_rejected() {
        for (path, expected) in [
            ("a.txt", "/work/a.txt"),
            ("./deep/../b c", "/work/b c"),
            ("/a", "/a"),
            ("..", "/"),
            ("../x/y/", "/x/y"),
            ("//etc//x", "/etc/x"),
        ] {
            assert_eq!(resolve("/work", path).unwrap(), expected, "{path}");
        }
        for path in ["../..", "/..", "/../etc"] {
            assert_eq!(
                resolve("/work", path).unwrap_err().kind(),
                ErrorKind::OutsideEnvironment
            );
        }
        for path in ["", " ", "a\0b"] {
            assert_eq!(
                resolve("/work", path).unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
        }
    }
}
