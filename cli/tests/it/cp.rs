//! `isolate cp`, on the engine `basic` and on one in memory.

use std::fs;
use std::path::PathBuf;

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

/// An environment on one of the engines, and a directory of this machine.
struct Place {
    workspace: Workspace,
    memory: Option<Memory>,
    here: tempfile::TempDir,
}

impl Place {
    /// One on each engine, with the environment `web` that runs.
    fn all() -> [Self; 2] {
        [None, Some(Memory::start())].map(|memory| {
            let place = Self {
                workspace: Workspace::basic(),
                memory,
                here: tempfile::tempdir().unwrap(),
            };
            let created = place.isolate(&["create", "--start", "--name", "web", "-w", "/work"]);
            assert_eq!(created.code(), Some(0), "{}", created.stderr());
            place
        })
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        self.with_input(arguments, b"")
    }

    fn with_input(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let address = self.memory.as_ref().map(Memory::address);
        let mut all: Vec<&str> = match &address {
            Some(address) => vec!["--host", address],
            None => Vec::new(),
        };
        all.extend(arguments);
        if self.memory.is_some() && arguments[0] == "create" {
            all.extend(["--image", "busybox"]);
        }
        self.workspace.isolate_with(&all, input)
    }

    fn cp(&self, source: &str, target: &str) {
        let ended = self.isolate(&["cp", source, target]);
        assert_eq!(
            (ended.code(), ended.stderr().as_str(), ended.stdout().as_str()),
            (Some(0), "", ""),
            "{source} {target}"
        );
    }

    fn refused(&self, source: &str, target: &str) -> String {
        let ended = self.isolate(&["cp", source, target]);
        assert_eq!(ended.code(), Some(125), "{source} {target}");
        ended.stderr()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }
}

#[test]
fn file_is_copied_to_a_name_or_into_a_directory() {
    for place in Place::all() {
        place.write("file", "content");
        place.cp(&place.path("file"), "web:deep/name");
        place.cp(&place.path("file"), "web:deep");
        place.cp("web:/work/deep/name", &place.path("one"));
        assert_eq!(place.read("one"), "content");
        fs::create_dir(place.at("directory")).unwrap();
        place.cp("web:deep/file", &place.path("directory"));
        assert_eq!(place.read("directory/file"), "content");
        // A file replaces a file.
        place.write("file", "new");
        place.cp(&place.path("file"), "web:deep/name");
        place.cp("web:deep/name", &place.path("one"));
        assert_eq!(place.read("one"), "new");
    }
}

#[test]
fn directory_or_its_contents_are_copied() {
    for place in Place::all() {
        place.write("tree/sub/file", "deep");
        place.cp(&place.path("tree"), "web:/new"); // the copy is named /new
        place.cp(&place.path("tree"), "web:/new"); // the copy is /new/tree
        place.cp(&format!("{}/.", place.path("tree")), "web:/work"); // its contents
        place.cp("web:/new", &place.path("out"));
        assert_eq!(place.read("out/sub/file"), "deep");
        assert_eq!(place.read("out/tree/sub/file"), "deep");
        place.cp("web:/new/.", &place.path("out2"));
        assert_eq!(place.read("out2/sub/file"), "deep");
        place.cp("web:sub/file", &place.path("out3"));
        assert_eq!(place.read("out3"), "deep");
        place.cp("web:/new/sub", &place.path("out2"));
        assert_eq!(place.read("out2/sub/file"), "deep");
    }
}

#[test]
fn archive_is_read_from_input_and_written_to_output() {
    for place in Place::all() {
        place.write("tree/sub/file", "deep");
        place.cp(&place.path("tree"), "web:/new");
        let archive = place.isolate(&["cp", "web:/new", "-"]);
        assert_eq!(archive.code(), Some(0), "{}", archive.stderr());
        let mut names: Vec<String> = tar::Archive::new(archive.0.stdout.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, ["new/", "new/sub", "new/sub/file"]);
        let ended = place.with_input(&["cp", "-", "web:/new"], &archive.0.stdout);
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
        place.cp("web:/new/new/sub/file", &place.path("back"));
        assert_eq!(place.read("back"), "deep");
        let ended = place.with_input(&["cp", "-", "web:/missing"], &archive.0.stdout);
        assert!(
            ended.stderr().contains("/missing is not a directory"),
            "{}",
            ended.stderr()
        );
        let ended = place.with_input(&["cp", "-", "web:/new"], b"no archive");
        assert!(
            ended.stderr().contains("cannot read the archive"),
            "{}",
            ended.stderr()
        );
        if place.memory.is_some() {
            assert!(place.workspace.left().is_empty(), "{:?}", place.workspace.left());
        }
    }
}

#[test]
fn invalid_copies_name_the_path_and_what_to_write() {
    for place in Place::all() {
        place.write("file", "content");
        let file = place.path("file");
        assert!(
            place
                .refused("web:/no/such", &place.path("x"))
                .contains("does not exist")
        );
        assert!(place.refused("/no/such", "web:/x").contains("/no/such"));
        assert!(
            place
                .refused(&file, "web:/missing/")
                .contains("the directory /missing/ does not exist")
        );
        place.cp(&file, "web:/work/file");
        place.write("tree/file", "");
        let directory = place.refused(&place.path("tree"), "web:/work/file");
        assert!(directory.contains("a directory cannot replace"), "{directory}");
        let missing = format!("{}/", place.path("missing"));
        assert!(place.refused("web:file", &missing).contains("does not exist"));
        assert!(
            place
                .refused(&file, "missing:/x")
                .contains("no environment has this name or ID")
        );
        assert!(
            place
                .refused(&file, "web:../../x")
                .contains("outside the environment")
        );
        let json = place.isolate(&["cp", "--json", &file, "web:/work/json"]).lines();
        assert_eq!(
            (&json[0]["name"], &json[0]["source"]),
            (&"web".into(), &file.into())
        );
    }
}
