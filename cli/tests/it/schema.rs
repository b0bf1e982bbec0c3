//! `isolate serve --schema`: the schema that is kept is that of the types.

use std::path::Path;

use crate::support::Workspace;

/// The schema without descriptions, which change with each comment.
fn structure(text: &str) -> serde_json::Value {
    fn without_descriptions(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.retain(|name, field| name != "description" || !field.is_string());
                fields.values_mut().for_each(without_descriptions);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(without_descriptions),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap_or_default();
    without_descriptions(&mut value);
    value
}

/// `RENEW=1` writes the file anew.
#[test]
fn kept_schema_is_that_of_the_types() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["serve", "--schema"]);
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../isolation/PROTOCOL.schema.json");
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(&kept, ended.stdout()).unwrap();
    }
    let text = std::fs::read_to_string(&kept).unwrap_or_default();
    assert_eq!(
        structure(&text),
        structure(&ended.stdout()),
        "run this test with RENEW=1, and commit the file"
    );
}

#[test]
fn schema_and_stdio_exclude_each_other() {
    let workspace = Workspace::new();
    for arguments in [&["serve"][..], &["serve", "--schema", "--stdio"]] {
        let ended = workspace.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}");
        assert!(ended.stderr().contains("--stdio"), "{}", ended.stderr());
    }
}
