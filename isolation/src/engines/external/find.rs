//! Finds the executables of engines.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ExternalEngine, FIRST_ANSWER, PREFIX, Trusted, trust};
use crate::spec::validate;

/// The maximum number of executables of a search; a directory may have any number of files.
const MOST: usize = 64;

/// The engines in a directory and in those of a path, by their names.
pub(super) fn find(directory: Option<&OsStr>, path: Option<&OsStr>) -> Vec<ExternalEngine> {
    let named = directory.filter(|name| !name.is_empty()).map(PathBuf::from);
    let of_path = path.map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let mut found: BTreeMap<String, (PathBuf, Trusted)> = BTreeMap::new();
    for directory in named.into_iter().chain(of_path.unwrap_or_default()) {
        // A relative directory depends on the working directory.
        if directory.is_absolute() {
            look(&directory, &mut found);
        }
    }
    let engine = |(name, (program, trusted))| ExternalEngine::new(name, program, trusted, FIRST_ANSWER);
    found.into_iter().map(engine).collect()
}

fn look(directory: &Path, found: &mut BTreeMap<String, (PathBuf, Trusted)>) {
    // A directory of the path need not exist.
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let Some(name) = file.to_str().and_then(|file| file.strip_prefix(PREFIX)) else {
            continue;
        };
        if validate::name(name).is_err() {
            continue;
        }
        let program = directory.join(&file);
        let trusted = trust::check(&program);
        if found.len() >= MOST && !found.contains_key(name) && !(trusted.is_ok() && forget_one(found)) {
            continue;
        }
        match found.entry(name.to_owned()) {
            Entry::Vacant(vacant) => drop(vacant.insert((program, trusted))),
            // An executable that must not run does not hide a later one that may run.
            Entry::Occupied(mut known) if known.get().1.is_err() && trusted.is_ok() => {
                *known.get_mut() = (program, trusted);
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Removes one that must not run, so that such ones do not hide others by their number; returns
/// whether there was one.
fn forget_one(found: &mut BTreeMap<String, (PathBuf, Trusted)>) -> bool {
    let mut refused = found.iter().filter(|(_, (_, trusted))| trusted.is_err());
    let last = refused.next_back().map(|(name, _)| name.clone());
    last.and_then(|name| found.remove(&name)).is_some()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::engine::Engine;

    fn place(base: &Path, directory: &str, name: &str, mode: u32) -> PathBuf {
        let directory = base.join(directory);
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join(name);
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        directory
    }

    #[test]
    fn planted_program_neither_runs_nor_hides_another() {
        let base = tempfile::tempdir().unwrap();
        let open = place(base.path(), "open", "isolation-engine-a", 0o777);
        place(base.path(), "open", "isolation-engine-b", 0o777);
        let safe = place(base.path(), "safe", "isolation-engine-b", 0o755);
        place(base.path(), "safe", "isolation-engine-Bad Name", 0o755);
        place(base.path(), "safe", "other-engine-c", 0o755);
        // The first one that may run is used.
        let later = place(base.path(), "later", "isolation-engine-b", 0o755);
        let others = [Path::new("safe"), Path::new("/no/such")];
        let path = std::env::join_paths(
            [&open, &safe, &later]
                .map(|path| path.as_path())
                .iter()
                .chain(&others),
        );
        let path = path.unwrap();
        let found = find(None, Some(&path));
        let names: Vec<&str> = found.iter().map(Engine::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(found[0].refused().unwrap().contains("can write"));
        assert_eq!(
            (found[1].refused(), found[1].program().parent()),
            (None, Some(safe.as_path()))
        );
        let named = find(Some(open.as_os_str()), None);
        assert_eq!(named.len(), 2);
        assert!(named.iter().all(|engine| engine.refused().is_some()));
        assert!(find(None, None).is_empty());
    }
    #[test]
    fn many_planted_programs_do_not_hide_another() {
        let base = tempfile::tempdir().unwrap();
        for number in 0..=MOST {
            place(base.path(), "open", &format!("isolation-engine-a{number}"), 0o777);
            place(base.path(), "safe", &format!("isolation-engine-b{number}"), 0o755);
        }
        let [open, safe] = ["open", "safe"].map(|name| base.path().join(name));
        place(base.path(), "safe", "isolation-engine-a0", 0o755);
        let path = std::env::join_paths([&open, &safe]).unwrap();
        let found = find(None, Some(&path));
        assert_eq!(found.len(), MOST);
        assert!(found.iter().all(|engine| engine.refused().is_none()));
        let planted = find(None, Some(open.as_os_str()));
        assert_eq!(planted.len(), MOST);
        assert!(planted.iter().all(|engine| engine.refused().is_some()));
    }
}
