//! The JSON schema of the messages, from the types that are read and written.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Done, Opened, Welcome};
use super::call::Request;
use super::packages::PackageList;
use super::{LINE, VERSION, states};
use crate::engine::Probe;
use crate::engine::instance::InstanceState;
use crate::metrics::MetricsSample;
use crate::packages::Installation;

/// The JSON schema of the messages: `$defs` has each request with its parameters, each answer, the
/// result of each method, and all types in them.
pub fn schema() -> Value {
    let mut types = SchemaSettings::draft2020_12().into_generator();
    let request = types.subschema_for::<Request>();
    let answer = types.subschema_for::<Answer>();
    let results = results(&mut types);
    let mut defs = types.take_definitions(true);
    defs.insert("Results".to_owned(), results);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The protocol of isolation engines",
        "description": format!(
            "Version {VERSION}. Each line is one message, of at most {LINE} bytes. The result of a method is in \
             $defs/Results. PROTOCOL.md describes the order of the messages."
        ),
        "oneOf": [
            {"title": "A line of the client", "allOf": [request]},
            {"title": "A line of the server", "allOf": [answer]},
        ],
        "$defs": defs,
    });
    plain(&mut schema);
    schema
}

/// The result of each method.
fn results(types: &mut SchemaGenerator) -> Value {
    let mut all = Map::new();
    let mut add = |methods: &[&str], schema: Schema| {
        for method in methods {
            all.insert((*method).to_owned(), schema.clone().into());
        }
    };
    add(&["hello"], types.subschema_for::<Welcome>());
    add(&["engines"], types.subschema_for::<answer::Engines>());
    add(&["probe"], types.subschema_for::<Probe>());
    add(&["list"], types.subschema_for::<answer::Listed>());
    add(&["create", "open"], types.subschema_for::<Opened>());
    add(&["inspect"], types.subschema_for::<InstanceState>());
    add(&["remove"], types.subschema_for::<answer::Removed>());
    add(
        &["exec", "start_attached", "wait"],
        types.subschema_for::<answer::Ended>(),
    );
    add(&["file_kind"], types.subschema_for::<answer::AtPath>());
    add(&["endpoints"], types.subschema_for::<answer::Endpoints>());
    add(&["networks"], types.subschema_for::<answer::Networks>());
    add(&["metrics"], types.subschema_for::<MetricsSample>());
    add(&["processes"], types.subschema_for::<answer::Processes>());
    add(&["image_check"], types.subschema_for::<answer::ImageCheck>());
    add(&["disk_usage"], types.subschema_for::<answer::DiskUsage>());
    add(&["bundle"], types.subschema_for::<answer::Bundled>());
    add(&["explain"], types.subschema_for::<states::Explained>());
    add(&["list_packages"], types.subschema_for::<PackageList>());
    add(&["install_packages"], types.subschema_for::<Installation>());
    add(&["fork"], types.subschema_for::<states::Forked>());
    add(&["fork_point"], types.subschema_for::<states::Point>());
    add(&["snapshot"], types.subschema_for::<states::SnapshotText>());
    add(&["snapshots"], types.subschema_for::<states::Snapshots>());
    add(&["restore"], types.subschema_for::<states::Restored>());
    let nothing = [
        "start",
        "stop",
        "kill",
        "destroy",
        "keep",
        "signal",
        "resize",
        "wait_until",
        "copy_in",
        "copy_out",
        "connect_network",
        "disconnect_network",
        "pause",
        "unpause",
        "rename",
        "update",
        "logs",
        "events",
        "watch",
        "reports",
        "recreate",
        "release_fork_point",
        "uninstall_packages",
        "remove_snapshot",
    ];
    add(&nothing, types.subschema_for::<Done>());
    json!({"description": "The result of each method.", "properties": all})
}

/// Keeps the first paragraph of each description, without links of Rust.
fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "description" => *text = first_paragraph(text),
                    field => plain(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn first_paragraph(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let mut plain = String::new();
    let mut rest = paragraph;
    // A link is `[text](target)` or `[text]`.
    while let Some(start) = rest.find('[') {
        plain.push_str(&rest[..start]);
        let Some(end) = rest[start..].find(']').map(|end| start + end) else {
            rest = &rest[start..];
            break;
        };
        plain.push_str(&rest[start + 1..end]);
        rest = &rest[end + 1..];
        if let Some(target) = rest.strip_prefix('(') {
            rest = target.split_once(')').map_or("", |(_, after)| after);
        }
    }
    plain.push_str(rest);
    plain.replace('\n', " ")
}

/// A time: a number of seconds, or a text such as `"30s"`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum Time {
    Seconds(f64),
    Text(String),
}

/// A size: a number of bytes, or a text such as `"512m"`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum Size {
    Bytes(u64),
    Text(String),
}

/// A number, also as a text.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum Number {
    Number(f64),
    Text(String),
}

/// A whole number, or a word such as `"unlimited"`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum Limit {
    Number(i64),
    Text(String),
}

/// A limit of a process: one value, `"SOFT:HARD"`, or both.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum ProcessLimit {
    Number(i64),
    Text(String),
    Both { soft: Limit, hard: Limit },
}

/// A published port, such as `80`, `"8080:80"` or `"127.0.0.1::53/udp"`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum PortText {
    Number(u16),
    Text(String),
}

/// A point in time, as RFC 3339 writes it.
pub(crate) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_is_one_plain_paragraph() {
        for (text, plain) in [
            (
                "A [`Port`](crate::Port)\nof [this].\n\n```\nlet x = 1;\n```",
                "A `Port` of this.",
            ),
            ("no link", "no link"),
            ("half [a link", "half [a link"),
        ] {
            assert_eq!(first_paragraph(text), plain);
        }
    }

    /// A method without a result in the schema, or the reverse.
    #[test]
    fn every_method_has_a_result() {
        let schema = schema();
        let results = schema["$defs"]["Results"]["properties"].as_object().unwrap();
        let text = serde_json::to_string(&schema["$defs"]["Request"]).unwrap();
        let notes = ["cancel", "input", "end_input", "more"];
        let mut methods: Vec<&str> = text
            .split("\"const\":\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .filter(|method| !notes.contains(method))
            .collect();
        methods.sort_unstable();
        methods.dedup();
        let mut known: Vec<&str> = results.keys().map(String::as_str).collect();
        known.sort_unstable();
        assert_eq!(methods, known);
        assert!(methods.len() > 30, "{methods:?}");
    }
}
