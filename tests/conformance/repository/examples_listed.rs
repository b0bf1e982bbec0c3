//! Each public module opens with an example, and each program in a directory `examples` is listed.

use std::fs;
use std::path::{Path, PathBuf};

/// The published libraries.
const CRATES: [&str; 3] = ["engine-api", "isolation", "fixtures"];

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The files of the public modules that a file declares, and of their public modules.
fn public_modules(file: &Path, into: &mut Vec<PathBuf>) {
    let text = fs::read_to_string(file).unwrap();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let parent = file.parent().unwrap();
    let children = match stem {
        "lib" | "mod" => parent.to_owned(),
        stem => parent.join(stem),
    };
    let mut before = "";
    for line in text.lines() {
        let is_hidden = std::mem::replace(&mut before, line) == "#[doc(hidden)]";
        let name = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'));
        let Some(name) = name.filter(|_| !is_hidden) else {
            continue;
        };
        let places = [
            children.join(format!("{name}.rs")),
            children.join(name).join("mod.rs"),
        ];
        let module = places.into_iter().find(|place| place.is_file()).unwrap();
        public_modules(&module, into);
        into.push(module);
    }
}

/// Whether the documentation at the head of a module has an example that is compiled.
fn opens_with_an_example(module: &Path) -> bool {
    let text = fs::read_to_string(module).unwrap();
    let included = text.strip_prefix("#![doc = include_str!(\"").map(|rest| {
        let path = rest.split('"').next().unwrap();
        fs::read_to_string(module.parent().unwrap().join(path)).unwrap()
    });
    let text = included.unwrap_or_else(|| {
        let head = text.lines().map_while(|line| line.strip_prefix("//!"));
        head.map(str::trim_start).collect::<Vec<_>>().join("\n")
    });
    let compiled = ["```", "```no_run", "```rust,no_run"];
    let fences = text.lines().filter(|line| line.starts_with("```"));
    // Every second fence closes a block, and may look like an opening one.
    fences.step_by(2).any(|fence| compiled.contains(&fence))
}

#[test]
fn every_public_module_opens_with_an_example() {
    let mut modules = Vec::new();
    for name in CRATES {
        public_modules(&directory(name).join("src/lib.rs"), &mut modules);
    }
    assert!(modules.len() > 25, "{modules:?}");
    let without: Vec<_> = modules
        .iter()
        .filter(|module| !opens_with_an_example(module))
        .collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn every_example_is_listed_and_can_be_run() {
    let mut programs = 0;
    for name in CRATES {
        let readme = fs::read_to_string(directory(name).join("README.md")).unwrap();
        for program in entries(&directory(name).join("examples")) {
            let is_program = program.is_dir() || program.extension().is_some_and(|end| end == "rs");
            if !is_program {
                // A file that an example reads.
                continue;
            }
            let stem = program.file_stem().unwrap().to_str().unwrap();
            // A directory is a package of its own, or a program of another language.
            let (source, command) = match program.is_dir() {
                true if program.join("README.md").exists() => (program.join("README.md"), "python3 ".into()),
                true if program.join("conftest.py").exists() => {
                    (program.join("conftest.py"), "isolate fixtures".to_owned())
                }
                true => (program.join("src/lib.rs"), format!("cargo test -p {stem}")),
                false => (program.clone(), format!("--example {stem}")),
            };
            // The published package does not contain a package below it, so a link would be broken.
            let link = match program.is_dir() {
                true => format!("| `{stem}` | "),
                false => format!("| [`{stem}`](examples/{stem}.rs) | "),
            };
            assert!(readme.contains(&link), "{name}/README.md does not list {stem}");
            let text = fs::read_to_string(source).unwrap();
            assert!(text.contains(&command), "{} does not say how", program.display());
            programs += 1;
        }
    }
    assert!(programs >= 12, "{programs}");
}
