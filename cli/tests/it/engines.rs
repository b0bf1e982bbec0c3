//! `isolate engines`.

use crate::support::Workspace;

#[test]
fn basic_is_always_available() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["engines"]);
    assert_eq!(ended.code(), Some(0));
    assert!(
        ended.stdout().contains("basic       available: "),
        "{}",
        ended.stdout()
    );
    assert!(
        ended.stdout().contains("basic does not support images: "),
        "{}",
        ended.stdout()
    );
}

#[test]
fn json_lists_features_and_reasons() {
    let workspace = Workspace::new();
    let rows = workspace.isolate(&["engines", "--json"]).lines();
    let rows = rows[0].as_array().unwrap();
    let basic = rows.iter().find(|row| row["name"] == "basic").unwrap();
    assert!(basic["availability"]["available"]["detail"].is_string());
    assert!(basic["capabilities"]["lacking"]["images"].is_string());
}
