//! Files that are no recordings: what each command says of them.

use std::path::Path;

use crate::bench::Bench;

/// Files that users have, by what is wrong with them, and the way out.
fn files(folder: &Path) -> Vec<(String, String, &'static str)> {
    const OTHER: &str = "name a file that `isolate fixtures record`";
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/docker-28/missing.json"
    );
    let good = std::fs::read_to_string(recording).unwrap();
    let newer = good.replacen("\"format\": 1", "\"format\": 2", 1);
    let spoilt = good.replacen("\"status\": ", "\"status\": \"x\", \"was\": ", 1);
    let cut = &good[..good.len() / 2];
    let written: [(&str, &[u8], &str, &'static str); 9] = [
        ("empty", b"", "it is empty", OTHER),
        ("packed", b"\x1f\x8b\x08\0", "unpack it first", OTHER),
        ("binary", b"\x7fELF\0\xff", "it is binary", OTHER),
        (
            "notes",
            b"version: 1\n",
            ":1 is no recording: it is no JSON",
            OTHER,
        ),
        (
            "list",
            b"\n[]",
            ":2 is no recording: it is JSON, but a list",
            OTHER,
        ),
        (
            "har",
            b"{\"log\": {\"entries\": []}}",
            ":1 is no recording: it is JSON without a `meta`",
            OTHER,
        ),
        ("newer", newer.as_bytes(), "its format is 2", "or a newer one"),
        ("cut", cut.as_bytes(), "it ends in the middle", "record it again"),
        (
            "spoilt",
            spoilt.as_bytes(),
            "the text \"x\" stands where a whole number is expected",
            "record it again",
        ),
    ];
    let mut files = Vec::new();
    for (name, content, why, hint) in written {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        files.push((path.display().to_string(), why.to_owned(), hint));
    }
    let none = folder.join("none").display().to_string();
    files.push((none, "No such file".into(), "check the path"));
    let itself = folder.display().to_string();
    files.push((itself, "it is a folder".into(), "name a file in it"));
    files
}

#[test]
fn every_command_says_which_file_why_and_what_to_do() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    for (file, why, hint) in files(folder.path()) {
        let file = file.as_str();
        for (line, code) in [
            (&["fixtures", "show", file][..], 125),
            (&["fixtures", "stats", file], 125),
            (&["fixtures", "diff", file, file], 125),
            (&["fixtures", "verify", file], 125),
            (&["fixtures", "replay", file, "--", "true"], 125),
            (&["--replay", file, "doctor"], 125),
            (&["fixtures", "check", file], 1),
        ] {
            let ended = bench.isolate(line);
            let said = ended.stdout() + &ended.stderr();
            assert_eq!(ended.code(), Some(code), "{line:?}: {said}");
            for words in [file, why.as_str(), hint] {
                assert!(said.contains(words), "{line:?}: {words}: {said}");
            }
            // The folder's name is random.
            let said = said.replace(file, "");
            for ours in ["struct", "enum ", "variant", "u16", "AnyVersion"] {
                assert!(!said.contains(ours), "{line:?}: {said}");
            }
        }
    }
}

#[test]
fn of_two_files_the_one_at_fault_is_named() {
    let bench = Bench::new();
    let good = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/docker-28/missing.json"
    );
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json").display().to_string();
    std::fs::write(&bad, "[]").unwrap();
    for (one, other) in [(good, bad.as_str()), (&bad, good)] {
        let ended = bench.isolate(&["fixtures", "diff", one, other]);
        assert_eq!((ended.code(), ended.stdout().as_str()), (Some(125), ""));
        let said = ended.stderr();
        assert!(said.contains(&bad) && !said.contains(good), "{said}");
        let ended = bench.isolate(&["--json", "fixtures", "diff", one, other]);
        let error: serde_json::Value = serde_json::from_str(&ended.stderr()).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("it is JSON, but a list"), "{message}");
    }
}
