//! Objects with both `Id` and `ID`.
//!
//! Engines spell the key in two ways, and each type accepts both. Some engines and proxies send
//! both spellings in one object, which serde rejects as a duplicate field. Such a text is read once
//! more without the second spelling; the usual text pays nothing for it.

use serde_json::Value;

use super::reader::ReadError;

/// Whether an error of serde is about the two spellings in one object.
pub(super) fn is_duplicate_id(error: &ReadError) -> bool {
    let text = error.to_string();
    ["duplicate field `Id`", "duplicate field `ID`"]
        .iter()
        .any(|duplicate| text.starts_with(duplicate))
}

/// The text with one spelling in each object that has both; `None` if it is not JSON.
///
/// The one that is not empty is kept, `Id` if both have a value.
pub(super) fn with_one_id(text: &str) -> Option<String> {
    let mut value: Value = super::read(text).ok()?;
    remove_second(&mut value);
    String::from_utf8(super::encode(&value).ok()?).ok()
}

/// Recursion is bounded: the reader rejects values that are nested deeper than 128 levels.
fn remove_second(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_second),
        Value::Object(map) => {
            if let (Some(first), Some(_)) = (map.get("Id"), map.get("ID")) {
                let empty = first.is_null() || first.as_str() == Some("");
                map.remove(if empty { "Id" } else { "ID" });
            }
            map.values_mut().for_each(remove_second);
        }
        _ => {}
    }
}
