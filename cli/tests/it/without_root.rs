//! The command on recordings of real daemons without root. The machine had control groups of
//! version 1, so their containers had no control groups.
//!
//! The recordings are in `tests/recordings-without-root/<engine>/`. To record them, start such
//! daemons, and run `ENGINE=record-without-root ENGINES=name=address,…
//! cargo test -p isolation-cli --test it without_root`.

use std::path::{Path, PathBuf};

use crate::support::{Ended, Workspace};

/// Runs the command on each of its recordings; passes each result to `check`.
fn on_each(name: &str, arguments: &[&str], check: impl Fn(&str, &Ended)) {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings-without-root");
    let workspace = Workspace::new();
    if std::env::var("ENGINE").is_ok_and(|mode| mode == "record-without-root") {
        let engines = std::env::var("ENGINES").unwrap();
        for (engine, address) in engines.split(',').filter_map(|pair| pair.split_once('=')) {
            let file = recordings.join(engine).join(name).with_extension("json");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&file);
            let options = ["--host", address, "--record", file.to_str().unwrap()];
            check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
        }
    }
    let directories = std::fs::read_dir(recordings).unwrap();
    let directories: Vec<PathBuf> = directories.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(directories.len(), 2);
    for directory in directories {
        let file = directory.join(name).with_extension("json");
        let options = ["--replay", file.to_str().unwrap()];
        let engine = directory.file_name().unwrap().to_str().unwrap();
        check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
    }
}

/// Podman itself reports that it can limit all of them.
#[test]
fn doctor_says_that_nothing_is_limited() {
    on_each("doctor", &["doctor", "--json"], |engine, ended| {
        assert_eq!(ended.code(), Some(1), "{engine}: {}", ended.stderr());
        let report = &ended.lines()[0];
        assert_eq!(report["daemon"]["rootless"], true, "{engine}");
        assert_eq!(report["daemon"]["cgroup_version"], "1", "{engine}");
        for limit in ["memory", "swap", "cpus", "pids"] {
            assert_eq!(report["limits"][limit], false, "{engine}: {limit}");
        }
    });
}
