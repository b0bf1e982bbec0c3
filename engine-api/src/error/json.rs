//! Why JSON could not be read.

/// Why a JSON text could not be read: the path in it, the reason, and the value there.
#[derive(Debug, thiserror::Error)]
#[error("at {path}: {reason}{}", shown(.found))]
pub(crate) struct JsonError {
    /// The path, such as `$.Containers[3].State`.
    pub(crate) path: String,
    /// The reason, with the expected value.
    pub(crate) reason: String,
    /// The start of the value found, unless it may be a secret.
    pub(crate) found: Option<String>,
}

fn shown(found: &Option<String>) -> String {
    found
        .as_ref()
        .map(|text| format!("; found {text}"))
        .unwrap_or_default()
}
