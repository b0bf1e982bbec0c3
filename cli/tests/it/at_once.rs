//! Several programs at the same time through one `isolate fixtures record`, and again through `replay`.

use crate::bench::{Bench, Ended};
use crate::engine::{Engine, plain};

const ISOLATE: &str = env!("CARGO_BIN_EXE_isolate");

/// So many programs, each of which asks for what only it asks for; it fails if one of them does.
fn programs(count: usize, begin: &str) -> String {
    let ask = |name: usize| format!("'{ISOLATE}' api GET /containers/c{name}/json & all=\"$all $!\"");
    let all: Vec<_> = (0..count).map(ask).collect();
    // A container that is not there is the answer no: code 1.
    let wait = "for one in $all; do wait $one; [ $? = 1 ] || exit 9; done";
    format!("{begin}\n{}\n{wait}", all.join("\n"))
}

fn run(bench: &Bench, line: &[&str], script: &str) -> Ended {
    bench.isolate(&[line, &["--", "sh", "-c", script]].concat())
}

#[test]
fn programs_that_ran_at_once_are_replayed_at_once_and_a_part_of_them_is_told() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.json").display().to_string();
    let engine = Engine::start(plain);
    let record = ["--host", &engine.address(), "fixtures", "record", "--to", &file];
    let ended = run(&bench, &record, &programs(8, ""));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    for _ in 0..3 {
        let ended = run(&bench, &["fixtures", "replay", &file], &programs(8, ""));
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    }
    // One that was recorded alone is not there to be waited for. Of several that wait, some would be let pass.
    let first = format!("'{ISOLATE}' api GET /containers/first/json");
    let ended = run(&bench, &record, &programs(1, &first));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let ended = run(&bench, &["fixtures", "replay", &file], &programs(1, ""));
    let said = ended.stderr();
    assert_eq!(ended.code(), Some(123), "{said}");
    for words in [
        "came too early",
        "run all of them again at the same time",
        "make a recording of each",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
