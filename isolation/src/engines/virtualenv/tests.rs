//! Tests of kept virtual environments, and of directories in which none can be.

use std::fs::File;

use super::*;
use crate::files::copy::{Stop, StopOnDrop};

/// Creates what `venv` creates.
const PYTHON: &str =
    "#!/bin/sh\nfor target; do :; done\nmkdir -p \"$target/bin\" && cp \"$0\" \"$target/bin/python\"\n";

/// A cache with one kept virtual environment.
struct Cache {
    directory: tempfile::TempDir,
    interpreter: Interpreter,
}

impl Cache {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let interpreter = Interpreter {
            executable: tool::testing::program(directory.path(), PYTHON),
            ..Interpreter::sample()
        };
        let this = Self {
            directory,
            interpreter,
        };
        this.template(&Stop::default()).unwrap();
        this
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    fn template(&self, stop: &Stop) -> Result<Template> {
        Template::of(&self.interpreter, false, &self.path(), stop)
    }

    /// The directory of the virtual environment.
    fn kept(&self) -> PathBuf {
        let paths = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut kept: Vec<_> = paths.filter(|path| path.is_dir()).collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.remove(0)
    }

    fn forget(&self) {
        std::fs::remove_dir_all(self.kept()).unwrap();
    }
}

#[test]
fn template_whose_note_is_damaged_is_named() {
    let cache = Cache::new();
    let kept = cache.kept();
    let entries = std::fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let notes: Vec<_> = entries.filter(|path| path.is_file()).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    std::fs::write(&notes[0], "{").unwrap();
    let error = cache.template(&Stop::default()).err().unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::Engine);
    let text = format!("{error:?}");
    assert!(
        text.contains("is damaged") && text.contains(&format!("remove {}", kept.display())),
        "{text}"
    );
}

#[test]
fn file_of_a_template_without_its_path_is_copied() {
    let cache = Cache::new();
    let note = cache.kept().join("template.json");
    let text = std::fs::read_to_string(&note).unwrap();
    let mut noted: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Its program names no path.
    noted["naming"].as_array_mut().unwrap().push("bin/python".into());
    std::fs::write(&note, noted.to_string()).unwrap();
    let target = cache.directory.path().join("copy");
    let template = cache.template(&Stop::default()).unwrap();
    template
        .copy(&target, Path::new("lib"), &Stop::default())
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(target.join("bin/python")).unwrap(),
        PYTHON
    );
}

#[test]
fn template_of_a_killed_process_is_removed() {
    let cache = Cache::new();
    let key = cache.kept().file_name().unwrap().to_str().unwrap().to_owned();
    cache.forget();
    let unfinished = cache.path().join(format!("new-{key}-1234"));
    std::fs::create_dir_all(unfinished.join("environment/bin")).unwrap();
    cache.template(&Stop::default()).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(cache.kept().file_name().unwrap().to_str(), Some(key.as_str()));
}

#[test]
fn template_that_another_process_makes_is_awaited() {
    let cache = Cache::new();
    let lock = File::open(cache.kept().with_extension("lock")).unwrap();
    cache.forget();
    let exclusive = rustix::fs::FlockOperation::LockExclusive;
    rustix::fs::flock(&lock, exclusive).unwrap();
    let stop = Stop::default();
    drop(StopOnDrop(stop.clone()));
    assert!(cache.template(&stop).is_err(), "the caller waits no longer");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cache.template(&Stop::default()).map(drop));
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(lock);
        waiting.join().unwrap().unwrap();
    });
    assert!(cache.kept().is_dir());
}

#[test]
fn interpreter_that_is_gone_is_named() {
    let root = tempfile::tempdir().unwrap();
    let bin = root.path().join(DIRECTORY).join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let relocated = || {
        let scratch = root.path().join("scratch");
        let known = Known::default();
        relocate::relocate(None, root.path(), &scratch, &known, &Stop::default())
    };
    for (target, named) in [(None, "bin/python"), (Some("/no/such/python"), "/no/such/python")] {
        if let Some(target) = target {
            std::os::unix::fs::symlink(target, bin.join("python")).unwrap();
        }
        let error = relocated().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(
            text.ends_with(&format!("{named} is gone; install it again")),
            "{text}"
        );
    }
}

#[test]
fn directory_with_a_colon_is_refused() {
    let base = tempfile::tempdir().unwrap();
    check_path(base.path()).unwrap();
    for (name, word) in [("a:b", "colon"), ("a$b", "pip cannot quote")] {
        let path = base.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let error = check_path(&path).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
}

#[test]
fn directory_of_the_engine_is_the_temporary_one() {
    assert_eq!(VirtualenvEngine::default().base(), std::env::temp_dir());
    let base = Path::new("/some/where");
    assert_eq!(VirtualenvEngine::below(base).base(), base);
}
