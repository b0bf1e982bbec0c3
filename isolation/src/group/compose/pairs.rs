//! Pairs of keys and values: environment variables, labels, build arguments.

use super::reading::Reading;
use super::yaml::{Node, Value};

/// Pairs of a mapping, or of a list of `KEY=value`. The value of a key may be missing.
pub(super) fn optional_pairs(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
) -> Vec<(String, Option<String>)> {
    if let Value::Map(entries) = &node.value {
        let mut pairs = Vec::new();
        for entry in entries {
            let value = reading.text(&entry.value, &format!("{path}.{}", entry.key));
            pairs.push((entry.key.clone(), value));
        }
        return pairs;
    }
    let texts = reading.texts(node, path).into_iter();
    let pair = |text: String| match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text, None),
    };
    texts.map(pair).collect()
}

/// The same pairs; a missing value is empty.
pub(super) fn pairs(reading: &mut Reading<'_>, node: &Node, path: &str) -> Vec<(String, String)> {
    let pairs = optional_pairs(reading, node, path).into_iter();
    pairs
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect()
}
