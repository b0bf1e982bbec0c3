//! Tests of virtual environments that were moved, with a program that answers as Python does.

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::relocate::{Elsewhere, Moved, prepare_for, relocate, rewrite};
use super::repair::repair;
use super::*;
use crate::ErrorKind;

const PYTHON: &str = r#"#!/bin/sh
case $* in
*isolate-prefix*) echo "isolate-prefix:${0%/bin/python}" ;;
*) printf %s '{"version":[3,11,7,"final",0],"implementation":"CPython","executable":"'"$0"'",'
   echo '"free_threaded":false,"packages":"{base}/lib/python3.11/site-packages"}' ;;
esac
"#;

const PACKAGES: &str = "lib/python3.11/site-packages";

/// A virtual environment below a directory, and an interpreter beside it.
struct Place {
    directory: tempfile::TempDir,
    python: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let python = tool::testing::program(directory.path(), PYTHON);
        let this = Self { directory, python };
        for name in ["bin", PACKAGES] {
            std::fs::create_dir_all(this.environment().join(name)).unwrap();
        }
        symlink(&this.python, this.environment().join("bin/python")).unwrap();
        this
    }

    /// The real path: a virtual environment names it.
    fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("root")
    }

    fn environment(&self) -> PathBuf {
        self.root().join(DIRECTORY)
    }

    fn scratch(&self) -> PathBuf {
        self.directory.path().join("scratch")
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.environment().join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.environment().join(file)).unwrap()
    }
}

#[test]
fn environment_that_was_not_moved_stays_as_it_is() {
    let place = Place::new();
    let text = format!("VIRTUAL_ENV={}\n", place.environment().display());
    place.write("bin/activate", &text);
    let (root, known) = (place.root(), Known::default());
    let stays = Moved::from(root.clone());
    for moved in [None, Some(&stays)] {
        relocate(moved, &root, &place.scratch(), &known, &Stop::default()).unwrap();
        assert_eq!(place.read("bin/activate"), text);
    }
}

#[test]
fn files_that_name_the_old_path_are_rewritten() {
    let place = Place::new();
    place.write("file", "/old/root/.venv and /old/root2\n");
    symlink("/old/root/.venv/file", place.environment().join("link")).unwrap();
    let naming = ["file", "link"].map(PathBuf::from).into();
    let moved = Moved {
        from: "/old/root".into(),
        naming: Some(naming),
    };
    place.write("other", "/old/root/.venv\n");
    rewrite(&moved, &place.root(), &Known::default(), &Stop::default()).unwrap();
    let new = place.environment();
    assert_eq!(place.read("file"), format!("{} and /old/root2\n", new.display()));
    let link = std::fs::read_link(new.join("link")).unwrap();
    assert_eq!(link, new.join("file"));
    assert_eq!(place.read("other"), "/old/root/.venv\n", "it is not one of these");
}

#[test]
fn interpreter_inside_that_does_not_run_is_named() {
    let place = Place::new();
    let bin = place.environment().join("bin");
    std::fs::remove_file(bin.join("python")).unwrap();
    // A copy of an interpreter, as `venv --copies` makes it.
    tool::testing::program(&bin, "#!/bin/sh\nexit 3\n");
    let moved = Moved::from(PathBuf::from("/old/root"));
    let error = rewrite(&moved, &place.root(), &Known::default(), &Stop::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    let python = bin.join("python");
    assert!(
        text.contains(&format!("{} does not run", python.display())) && text.contains("exit status: 3"),
        "{text}"
    );
}

#[test]
fn repair_that_has_no_effect_is_given_up() {
    let place = Place::new();
    place.write("pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n");
    // No rewriting makes this the path of the environment.
    place.write("bin/activate", "VIRTUAL_ENV=/old/env\n");
    let known = Known::default();
    let error = repair(&place.root(), &place.scratch(), &known, &Stop::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(
        text.contains("also after its files were rewritten; create another environment"),
        "{text}"
    );
}

#[test]
fn copy_for_another_interpreter_links_to_it() {
    let place = Place::new();
    let (copy, bin) = (place.environment(), place.environment().join("bin"));
    place.write(
        "pyvenv.cfg",
        "home = /usr/bin\nbase-prefix = /usr\nbase-exec-prefix = /usr\nversion = 3.11.2\n",
    );
    symlink("python", bin.join("python3")).unwrap();
    place.write("bin/python-config", "no interpreter");
    let elsewhere = Elsewhere {
        from: &place.root(),
        to: Path::new("/srv"),
        environment: Path::new("/srv/.venv"),
        base: Path::new("/opt/python/bin/python3.11"),
        version: "3.11.7",
    };
    let prepare = || prepare_for(&copy, Path::new(PACKAGES), &elsewhere, &Stop::default());
    prepare().unwrap();
    assert_eq!(
        place.read("pyvenv.cfg").trim_end(),
        "home = /opt/python/bin\nbase-prefix = /opt/python\nbase-exec-prefix = /opt/python\nversion = 3.11.7"
    );
    let target = |name: &str| std::fs::read_link(bin.join(name)).unwrap();
    assert_eq!(target("python"), elsewhere.base);
    assert_eq!(target("python3"), Path::new("python"));
    assert_eq!(place.read("bin/python-config"), "no interpreter");

    place.write("bin/python3.11", "a copy");
    let error = prepare().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("python3.11 is a copy of an interpreter"),
        "{error}"
    );

    place.write("lib.so", &format!("\0{}/lib\0", place.environment().display()));
    let error = prepare().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("cannot be changed: lib.so"), "{text}");
}

#[test]
fn interpreter_that_was_replaced_is_asked_again() {
    let place = Place::new();
    let request: PythonRequest = place.python.to_str().unwrap().parse().unwrap();
    let interpreters = Interpreters::default();
    let version = || {
        let found = interpreters.find(&request, &Known::default()).unwrap();
        found.version.to_string()
    };
    assert_eq!(version(), "3.11.7");
    let before = place.python.metadata().unwrap().modified().unwrap();
    tool::testing::program(place.directory.path(), &PYTHON.replace("3,11,7", "3,11,9"));
    let at = |time: SystemTime| {
        let file = std::fs::File::open(&place.python).unwrap();
        file.set_modified(time).unwrap();
    };
    at(before);
    assert_eq!(version(), "3.11.7", "it seems to be the same");
    at(before + Duration::from_secs(1));
    assert_eq!(version(), "3.11.9");
}

#[test]
fn directory_for_templates_is_that_of_the_user() {
    let of = |cache: Option<&str>, home: Option<&str>| {
        template::directory(|name| match name {
            "XDG_CACHE_HOME" => cache.map(Into::into),
            _ => home.map(Into::into),
        })
    };
    for (cache, home, expected) in [
        (Some("/c"), Some("/h"), "/c/isolate/virtualenv"),
        (Some("c"), Some("/h"), "/h/.cache/isolate/virtualenv"),
        (None, Some("/h"), "/h/.cache/isolate/virtualenv"),
    ] {
        assert_eq!(of(cache, home).unwrap(), Path::new(expected));
    }
    for (cache, home) in [(None, None), (Some("c"), None), (None, Some("h"))] {
        let error = of(cache, home).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("set one of them"), "{error}");
    }
}
