//! `isolate image`, on an engine in memory.

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

struct Place {
    workspace: Workspace,
    memory: Memory,
}

impl Place {
    fn new() -> Self {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        Self { workspace, memory }
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let address = self.memory.address();
        let first = ["--host", address.as_str(), "image"];
        self.workspace.isolate(&[&first, arguments].concat())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}: {}", ended.stdout());
        ended.stderr()
    }
}

#[test]
fn images_are_listed_named_and_removed() {
    let place = Place::new();
    assert_eq!(place.ok(&["tag", "busybox", "app:1"]), "app:1\n");
    let table = place.ok(&["ls"]);
    assert!(table.contains("NAME") && table.contains("app:1"), "{table}");
    let ended = place.isolate(&["ls", "--json"]);
    let listed = &ended.lines()[0][0];
    assert_eq!(listed["containers"], 0);
    assert!(listed["names"].as_array().unwrap().contains(&"app:1".into()));
    assert_eq!(place.ok(&["ls", "-q"]).lines().count(), 1);
    assert_eq!(place.ok(&["rm", "app:1"]), "app:1\n");
    let error = place.fails(&["rm", "app:1", "none:2"]);
    assert!(error.contains("app:1") && error.contains("none:2"), "{error}");
    assert_eq!(place.ok(&["prune"]), "");
}

#[test]
fn image_in_use_shows_its_environment() {
    let place = Place::new();
    let address = place.memory.address();
    let created = place
        .workspace
        .isolate(&["--host", &address, "create", "--image", "busybox"]);
    let id = created.stdout();
    let table = place.ok(&["ls"]);
    assert!(table.contains(id.trim()), "{table}");
    let error = place.fails(&["rm", "busybox"]);
    assert!(error.contains("is using its referenced image"), "{error}");
}

#[test]
fn images_are_saved_to_a_file_and_loaded() {
    let place = Place::new();
    let file = place.workspace.home().join("image.tar");
    let path = file.to_str().unwrap();
    place.ok(&["save", "-o", path, "busybox"]);
    place.ok(&["rm", "busybox"]);
    assert_eq!(place.ok(&["load", "-i", path]), "busybox:latest\n");
    let bytes = place.isolate(&["save", "busybox"]).0.stdout;
    assert_eq!(bytes.len() as u64, std::fs::metadata(&file).unwrap().len());
    let address = place.memory.address();
    let arguments = ["--host", &address, "--json", "image", "load"];
    let ended = place.workspace.isolate_with(&arguments, &bytes);
    assert_eq!(ended.lines()[0]["images"][0], "busybox:latest");
    // Other files are not sent.
    std::fs::write(&file, "{}").unwrap();
    let error = place.fails(&["load", "-i", path]);
    assert!(error.contains("image.tar is not a tar archive"), "{error}");
    let directory = place.workspace.home().join("empty");
    std::fs::create_dir(&directory).unwrap();
    let error = place.fails(&["build", directory.to_str().unwrap()]);
    assert!(error.contains("has no Dockerfile"), "{error}");
    // The name that daemons try next.
    std::fs::write(directory.join("dockerfile"), "FROM no-such-image\n").unwrap();
    let error = place.fails(&["build", directory.to_str().unwrap()]);
    assert!(!error.contains("has no Dockerfile"), "{error}");
    // A failed save leaves no file.
    let other = place.workspace.home().join("other.tar");
    place.fails(&["save", "-o", other.to_str().unwrap(), "none:1"]);
    assert!(!other.exists());
}

#[test]
fn pull_prints_progress_and_the_name() {
    let place = Place::new();
    let memory = place.memory.engine.clone().with_registry_image("app:1");
    drop(memory);
    let ended = place.isolate(&["pull", "app:1"]);
    assert_eq!(ended.stdout(), "app:1\n", "{}", ended.stderr());
    assert!(ended.stderr().contains("pulling the image app:1"));
    let lines = place.isolate(&["pull", "--json", "app:1"]).lines();
    assert_eq!(lines[0]["type"], "pull");
    let last = lines.last().unwrap();
    assert_eq!((&last["name"], &last["pulled"]), (&"app:1".into(), &true.into()));
    let lines = place
        .isolate(&["pull", "--if-missing", "--json", "app:1"])
        .lines();
    assert_eq!((lines.len(), &lines[0]["pulled"]), (1, &false.into()));
    let error = place.fails(&["pull", "none:1"]);
    assert!(
        error.contains("the registry docker.io has no such image"),
        "{error}"
    );
    let error = place.fails(&["pull", "--platform", "linux/", "app:1"]);
    assert!(error.contains("write os/architecture"), "{error}");
    let error = place.fails(&["push", "reg.test/app"]);
    assert!(error.contains("cannot push the image reg.test/app"), "{error}");
}

#[test]
fn mirror_of_the_configuration_is_used_for_pulls() {
    let place = Place::new();
    drop(
        place
            .memory
            .engine
            .clone()
            .with_registry_image("mirror.test/library/app:1"),
    );
    let file = place.workspace.home().join("mirror.json");
    std::fs::write(&file, r#"{"docker": {"registry_mirror": "mirror.test"}}"#).unwrap();
    let pulled = place.ok(&["--config", file.to_str().unwrap(), "pull", "app:1"]);
    assert_eq!(pulled, "mirror.test/library/app:1\n");
}
