//! The paths of a directory that BuildKit needs, with the targets of links.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::ignore::clean;
use super::super::pattern::Pattern;
use crate::archive;

/// The paths, and the targets of all links in them, in their order. Links stay within the
/// directory. The last part of a path may have wildcards. `None` means all files.
pub(super) fn follow(root: &Path, paths: &[Vec<u8>]) -> io::Result<Option<Vec<Vec<u8>>>> {
    let mut found = BTreeSet::new();
    let mut open: Vec<_> = paths.iter().map(|path| within(path)).collect();
    while let Some(path) = open.pop() {
        // The end of each part.
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let ends = ends.map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let (current, rest) = path.split_at(end);
            let targets = targets(root, current)?;
            if rest.is_empty() || !targets.is_empty() {
                // A path that was found before was already followed.
                if found.insert(current.to_vec()) {
                    open.extend(targets.iter().map(|target| within(&[target, rest].concat())));
                }
            }
            if !targets.is_empty() {
                break;
            }
        }
    }
    Ok((!found.contains(&b"."[..])).then(|| found.into_iter().collect()))
}

/// A path below the root, without a slash at its start; `.` is the root.
fn within(path: &[u8]) -> Vec<u8> {
    let cleaned = clean(&[b"/", path].concat());
    match &cleaned[1..] {
        b"" => b".".to_vec(),
        relative => relative.to_vec(),
    }
}

/// The targets of a link, or of all links that a path with wildcards matches.
fn targets(root: &Path, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    };
    if !name.iter().any(|byte| b"*?[".contains(byte)) {
        return Ok(target(root, directory, path)?.into_iter().collect());
    }
    let Ok(pattern) = Pattern::parse(name, false) else {
        return Ok(Vec::new());
    };
    let full = root.join(native(directory));
    if !full.is_dir() {
        return Ok(Vec::new());
    }
    let mut targets = Vec::new();
    for child in archive::children(&full)? {
        let name = child.file_name();
        let name = name.as_encoded_bytes();
        if pattern.fits(name) {
            targets.extend(target(root, directory, &[directory, b"/", name].concat())?);
        }
    }
    Ok(targets)
}

/// The target of a link, from the root; `None` if the path is not a link.
fn target(root: &Path, directory: &[u8], path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let full = root.join(native(path.strip_prefix(b"/").unwrap_or(path)));
    match fs::symlink_metadata(&full) {
        Ok(metadata) if metadata.is_symlink() => {}
        // A path that does not exist may be the output of a step, or a name with wildcards.
        _ => return Ok(None),
    }
    let target = fs::read_link(&full).map_err(|error| archive::at(&full, &error))?;
    let target = slashed(&target);
    Ok(Some(match target.starts_with(b"/") {
        true => target,
        false => [directory, b"/", &target].concat(),
    }))
}

/// A path as bytes with slashes.
pub(super) fn slashed(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    if cfg!(windows) {
        bytes
            .iter_mut()
            .filter(|byte| **byte == b'\\')
            .for_each(|byte| *byte = b'/');
    }
    bytes
}

#[cfg(unix)]
fn native(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(path).into()
}

/// Names that are not Unicode cannot come from an engine on Windows.
#[cfg(not(unix))]
fn native(path: &[u8]) -> PathBuf {
    String::from_utf8_lossy(path).into_owned().into()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn followed(root: &Path, paths: &[&str]) -> Option<Vec<String>> {
        let paths: Vec<_> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let found = follow(root, &paths).ok().flatten()?;
        let text = |path: Vec<u8>| String::from_utf8_lossy(&path).into_owned();
        Some(found.into_iter().map(text).collect())
    }

    #[test]
    fn links_are_followed_within_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("real/deep")).unwrap();
        fs::write(root.join("real/deep/file"), "").unwrap();
        for (target, link) in [
            ("real", "link"),
            ("deep/file", "real/short"),
            ("/real/deep", "absolute"),
            ("../../../../etc/passwd", "out"),
            ("loop", "loop"),
            ("loop/more", "grows"),
            (".", "all"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let cases: [(&[&str], &[&str]); 11] = [
            (&["real/deep/file", "missing/x"], &["missing/x", "real/deep/file"]),
            (&["link/deep/file"], &["link", "real/deep/file"]),
            (&["/link/short"], &["link", "real/deep/file", "real/short"]),
            (&["absolute/file"], &["absolute", "real/deep/file"]),
            (&["out"], &["etc/passwd", "out"]),
            (&["loop"], &["loop"]),
            (&["l*k"], &["l*k", "real"]),
            (&["real/s*t"], &["real/deep/file", "real/s*t"]),
            (&["real/[", "x"], &["real/[", "x"]),
            (&["missing/*"], &["missing/*"]),
            (&["../real/../x"], &["x"]),
        ];
        for (paths, expected) in cases {
            assert_eq!(followed(root, paths).unwrap(), expected, "{paths:?}");
        }
        assert_eq!(followed(root, &["all"]), None);
        assert_eq!(followed(root, &["x", "/"]), None);
        assert!(followed(root, &["grows"]).is_some());
    }
}
