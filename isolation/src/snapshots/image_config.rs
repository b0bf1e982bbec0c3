//! The configuration of an image, as a snapshot keeps it.

use engine_api::images::ImageConfig;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// The fields of a configuration that an image needs.
const FIELDS: [&str; 13] = [
    "User",
    "ExposedPorts",
    "Env",
    "Cmd",
    "Healthcheck",
    "ArgsEscaped",
    "Volumes",
    "WorkingDir",
    "Entrypoint",
    "OnBuild",
    "StopSignal",
    "Shell",
    "Labels",
];

/// The configuration of an image without empty fields.
pub(crate) fn image_config(config: &ImageConfig) -> Result<Value> {
    let written = serde_json::to_value(config);
    let written = written.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let fields = written.as_object().into_iter().flatten();
    let clean: Map<_, _> = fields
        .filter(|(name, value)| !is_empty(value) && FIELDS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Ok(Value::Object(clean))
}
