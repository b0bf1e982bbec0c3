//! Control characters in what a daemon answers: no command sends them to a terminal.

use crate::engine::Engine;
use crate::support::{Ended, Workspace};

/// `ESC [ 2 J`, C1's `CSI`, a title, a turned direction, a deleted and an overwritten word.
macro_rules! hostile {
    () => {
        r"\u001b[2J\u009b31m\u001b]0;t\u0007\u202egpj\u007f\rover"
    };
}

/// A daemon whose every text is hostile.
fn hostile(title: &str) -> (u16, &'static str) {
    match title {
        "HEAD /_ping" | "GET /_ping" => (200, "OK"),
        "GET /version" | "GET /v1.51/version" => (
            200,
            concat!(
                r#"{"Version":"1"#,
                hostile!(),
                r#"","ApiVersion":"1.51","MinAPIVersion":""#,
                hostile!(),
                r#"","Os":"linux","Arch":"amd64","Components":[{"Name":""#,
                hostile!(),
                r#"","Version":"1"}]}"#
            ),
        ),
        "GET /v1.51/info" => (
            200,
            concat!(
                r#"{"Driver":""#,
                hostile!(),
                r#"","OperatingSystem":""#,
                hostile!(),
                r#"","KernelVersion":""#,
                hostile!(),
                r#"","Warnings":[""#,
                hostile!(),
                r#"\nx"]}"#
            ),
        ),
        "GET /v1.51/containers/web/json" => (
            200,
            concat!(
                r#"{"Name":"/"#,
                hostile!(),
                r#"","Config":{"Labels":{""#,
                hostile!(),
                r#"":"x"}}}"#
            ),
        ),
        _ => (
            500,
            concat!(r#"{"message":"failed: "#, hostile!(), r#"\nhint: run this"}"#),
        ),
    }
}

/// Panics if an output has a character that a terminal obeys, or does not show the text at all.
fn check(what: &str, ended: &Ended) {
    for output in [ended.stdout(), ended.stderr()] {
        let found = output
            .chars()
            .find(|c| c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(found, None, "{what}: {output:?}");
        assert!(!output.contains("\nhint: run this"), "{what}: {output}");
    }
}

#[test]
fn text_of_a_daemon_is_escaped_by_every_command() {
    let workspace = Workspace::new();
    let engine = Engine::start(hostile);
    let address = engine.address();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.json").display().to_string();
    let recorded = [
        "fixtures",
        "record",
        "--to",
        &file,
        "--",
        env!("CARGO_BIN_EXE_isolate"),
    ];
    let call = ["api", "GET", "/containers/web/json"];
    let mut shown = 0;
    for json in [&[][..], &["--json"]] {
        let run = |line: &[&str]| workspace.isolate(&[&["--host", &address], json, line].concat());
        for (line, code) in [
            (&["doctor"][..], 1),
            (&["doctor", "--verbose"], 1),
            (&["engines"], 0),
            (&["run", "--image", "x", "--", "true"], 125),
            (
                &[
                    "--verbose",
                    "run",
                    "--pull",
                    "always",
                    "--image",
                    "x",
                    "--",
                    "true",
                ],
                125,
            ),
            (&[&recorded[..], &call].concat(), 0),
            (&["fixtures", "verify", &file], 0),
            (&["fixtures", "show", &file], 0),
            (&["fixtures", "check", &file], 0),
            (&["fixtures", "stats", &file], 0),
            (&["fixtures", "diff", &file, &file], 0),
            (&["fixtures", "replay", &file, "--", "true"], 122),
            (&call, 0),
            (&["api", "GET", "/containers/other/json"], 1),
        ] {
            let ended = run(line);
            let what = format!("{json:?} {line:?}");
            assert_eq!(ended.code(), Some(code), "{what}: {}", ended.stderr());
            check(&what, &ended);
            let texts = ended.stdout() + &ended.stderr();
            shown += usize::from(texts.contains(r"\x1b[2J") || texts.contains(r"\u001b[2J"));
        }
        let ended = workspace.isolate(&[json, &["--replay", &file, "api", "GET", "/other"]].concat());
        assert_eq!(ended.code(), Some(123), "{}", ended.stderr());
        check("--replay", &ended);
    }
    assert!(shown > 12, "{shown}: the daemon's texts are not shown");
}

#[test]
fn json_keeps_the_values_of_a_daemon() {
    let engine = Engine::start(hostile);
    let line = [
        "--host",
        &engine.address(),
        "--json",
        "api",
        "GET",
        "/containers/web/json",
    ];
    let ended = Workspace::new().isolate(&line);
    let name = ended.lines()[1]["body"]["Name"].as_str().unwrap().to_owned();
    assert_eq!(name, "/\u{1b}[2J\u{9b}31m\u{1b}]0;t\u{7}\u{202e}gpj\u{7f}\rover");
}
