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
    let mut clean = Map::new();
    if let Value::Object(fields) = written {
        for (name, value) in fields {
            let is_empty = match &value {
                Value::Null | Value::Bool(false) => true,
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                _ => false,
            };
            if !is_empty && FIELDS.contains(&name.as_str()) {
                clean.insert(name, value);
            }
        }
    }
    Ok(Value::Object(clean))
}
