//! Whether an executable may run: only this user and root can replace it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The maximum number of links from the name of an executable to its file.
const LINKS: usize = 16;

/// The file of the executable behind its links. Fails with the reason if another user can replace
/// it.
pub(super) fn check(program: &Path) -> Result<PathBuf, String> {
    let mut path = std::path::absolute(program).map_err(|error| format!("{}: {error}", program.display()))?;
    for _ in 0..LINKS {
        let directory = directory_of(&path)?;
        check_directories(&directory)?;
        // The checked file is the one that runs: the path contains no links.
        path = match path.file_name() {
            Some(name) => directory.join(name),
            None => return Err(format!("{} is not a file", path.display())),
        };
        let found = look(&path)?;
        if !found.is_symlink() {
            return check_file(&path, &found).map(|()| path);
        }
        let target = fs::read_link(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        path = directory.join(target);
    }
    Err(format!(
        "{} is a chain of more than {LINKS} links",
        program.display()
    ))
}

fn look(path: &Path) -> Result<Metadata, String> {
    fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn directory_of(path: &Path) -> Result<PathBuf, String> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    parent
        .canonicalize()
        .map_err(|error| format!("{}: {error}", parent.display()))
}

/// Checks a directory and all its parent directories.
fn check_directories(directory: &Path) -> Result<(), String> {
    for (above, path) in directory.ancestors().enumerate() {
        let found = look(path)?;
        check_owner(path, &found)?;
        // In a directory with this bit, a user cannot rename files of other users.
        let protects = above > 0 && found.mode() & 0o1000 != 0;
        if found.mode() & 0o022 != 0 && !protects {
            return Err(format!(
                "other users than the owner can write to the directory {}",
                path.display()
            ));
        }
    }
    Ok(())
}

fn check_file(path: &Path, found: &Metadata) -> Result<(), String> {
    let name = path.display();
    check_owner(path, found)?;
    if !found.is_file() {
        return Err(format!("{name} is not a file"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(format!("other users than the owner can write to {name}"));
    }
    match found.mode() & 0o111 {
        0 => Err(format!("{name} is not executable")),
        _ => Ok(()),
    }
}

fn check_owner(path: &Path, found: &Metadata) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    match found.uid() == 0 || found.uid() == user {
        true => Ok(()),
        false => Err(format!(
            "{} belongs to the user {}, neither to you nor to root",
            path.display(),
            found.uid()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(directory: &Path, mode: u32) -> PathBuf {
        let path = directory.join("isolation-engine-x");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        allow(&path, mode);
        path
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn reason(program: &Path) -> String {
        check(program).unwrap_err()
    }

    #[test]
    fn file_of_the_owner_alone_is_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let program = program(directory.path(), 0o755);
        check(&program).unwrap();
        for (mode, word) in [
            (0o775, "can write"),
            (0o757, "can write"),
            (0o644, "not executable"),
        ] {
            allow(&program, mode);
            assert!(reason(&program).contains(word), "{mode:o}: {}", reason(&program));
        }
        assert!(reason(&directory.path().join("none")).contains("none"));
    }

    #[test]
    fn directory_that_others_can_write_is_not_trusted() {
        let above = tempfile::tempdir().unwrap();
        let directory = above.path().join("engines");
        fs::create_dir(&directory).unwrap();
        let program = program(&directory, 0o755);
        for mode in [0o777, 0o775, 0o1777] {
            allow(&directory, mode);
            assert!(reason(&program).contains("engines"), "{mode:o}");
        }
        allow(&directory, 0o755);
        allow(above.path(), 0o777);
        assert!(reason(&program).contains("can write"), "the directory above");
        // Like /tmp.
        allow(above.path(), 0o1777);
        check(&program).unwrap();
        allow(above.path(), 0o700);
    }

    #[test]
    fn link_through_a_foreign_directory_is_not_trusted() {
        let base = tempfile::tempdir().unwrap();
        let [safe, open] = ["safe", "open"].map(|name| base.path().join(name));
        fs::create_dir(&safe).unwrap();
        fs::create_dir(&open).unwrap();
        let real = program(&safe, 0o755);
        allow(&open, 0o777);
        symlink(&real, open.join("hop")).unwrap();
        let link = safe.join("isolation-engine-y");
        symlink(open.join("hop"), &link).unwrap();
        assert!(reason(&link).contains("open"), "{}", reason(&link));
        let short = safe.join("isolation-engine-z");
        symlink(&real, &short).unwrap();
        check(&short).unwrap();
        let round = safe.join("round");
        symlink(&round, &round).unwrap();
        assert!(reason(&round).contains("links"));
    }

    #[test]
    fn file_of_another_user_is_not_trusted() {
        // Only root can give a file to another user.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let program = program(directory.path(), 0o755);
        for path in [program.as_path(), directory.path()] {
            std::os::unix::fs::chown(path, Some(54_321), None).unwrap();
            let why = reason(&program);
            assert!(why.contains("belongs to the user 54321"), "{why}");
            assert!(
                why.starts_with(&path.canonicalize().unwrap().display().to_string()),
                "{why}"
            );
            std::os::unix::fs::chown(path, Some(0), None).unwrap();
        }
        check(&program).unwrap();
        let special = directory.path().join("isolation-engine-socket");
        let _listener = std::os::unix::net::UnixListener::bind(&special).unwrap();
        assert!(reason(&special).contains("is not a file"), "{}", reason(&special));
        assert!(
            reason(Path::new("/")).contains("is not a file"),
            "{}",
            reason(Path::new("/"))
        );
    }
}
