//! The messages of the parser of JSON, in the words of the format of a file.

use crate::short::short_path;

/// A longer word is similar to no known one, in bytes.
pub(crate) const LONGEST_WORD: usize = 64;

/// The key that is missing, if that is what a message says.
pub(super) fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// A message for people: without names of types, and without the values of texts, which may be
/// secrets.
pub(crate) fn plain(message: &str) -> String {
    let (message, line) = match message.rfind(" at line ") {
        Some(at) => message.split_at(at),
        None => (message, ""),
    };
    let text = unknown(message)
        .or_else(|| wrong(message))
        .or_else(|| {
            let key = message.strip_prefix("duplicate field `")?.split('`').next()?;
            Some(format!("the key {key:?} is there twice"))
        })
        .unwrap_or_else(|| short_path(message).into_owned());
    text + line
}

/// The text for an unknown key or value.
fn unknown(message: &str) -> Option<String> {
    let (is_key, rest) = match message.strip_prefix("unknown field `") {
        Some(rest) => (true, rest),
        None => (false, message.strip_prefix("unknown variant `")?),
    };
    // The given name may have these words in it, too; the known names have not.
    let (given, expected) = rest
        .rsplit_once("`, expected ")
        .or_else(|| rest.rsplit_once("`, there are no "))?;
    let what = if is_key { "unknown key" } else { "unknown value" };
    // Each known name is between backquotes.
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    Some(match (nearest(given, &known), known.is_empty()) {
        (Some(known), _) => format!("{what}; did you mean {known:?}?"),
        (None, true) => format!("{what}; there are no keys here"),
        (None, false) => format!("{what}; use {}", list(&known)),
    })
}

/// Several words as a text.
fn list(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        words => words.join(", "),
    }
}

/// The most similar known word, if one is similar.
pub(crate) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    // The time and the memory of a comparison grow with both lengths.
    if given.len() > LONGEST_WORD {
        return None;
    }
    let given = given.to_ascii_lowercase().replace('-', "_");
    let edits = |known: &&'k str| (strsim::damerau_levenshtein(known, &given), *known);
    let similar = known
        .iter()
        .map(edits)
        .min()
        .filter(|(edits, known)| edits * 3 <= known.len());
    // `readonly` is nearest to `read_only`, and `host` to `docker_host`.
    let part = || {
        known
            .iter()
            .find(|known| given.len() > 3 && known.split('_').any(|part| part == given))
    };
    similar.map(|(_, known)| known).or_else(|| part().copied())
}

/// The text for a value of a wrong type, or out of range.
fn wrong(message: &str) -> Option<String> {
    let rest = ["invalid type: ", "invalid value: ", "invalid length "]
        .into_iter()
        .find_map(|prefix| message.strip_prefix(prefix))?;
    let (given, expected) = rest.rsplit_once(", expected ")?;
    if expected == "map with a single key" {
        let given = match given.starts_with("map") {
            true => "another number of keys",
            false => value(given),
        };
        return Some(format!("an object with one key is expected, not {given}"));
    }
    Some(format!(
        "{} is expected, not {}",
        type_name(expected),
        value(given)
    ))
}

/// The given value: its type, and the value itself if that is a number.
fn value(given: &str) -> &str {
    let number = given.split('`').nth(1).filter(|text| text.starts_with('-'));
    match given.split(' ').next().unwrap_or_default() {
        "map" | "newtype" | "struct" => "an object",
        "sequence" => "a list",
        "string" | "character" => "a text",
        "integer" => number.unwrap_or("a number"),
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "null" | "unit" => "null",
        _ => "this value",
    }
}

/// The name of an expected type.
fn type_name(expected: &str) -> String {
    let named = match expected.split([' ', '.']).next().unwrap_or_default() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "struct" | "map" => "an object",
        "sequence" | "tuple" => "a list",
        "enum" | "variant" => "a text, or an object with one key,",
        "boolean" => "true or false",
        "string" => "a text",
        "unit" => "null",
        _ => "",
    };
    match (named, expected) {
        ("", "a map") => "an object".to_owned(),
        ("", "a sequence") => "a list".to_owned(),
        ("", "a boolean") => "true or false".to_owned(),
        ("", "a string" | "path string" | "a character") => "a text".to_owned(),
        ("", other) => other.to_owned(),
        (named, _) => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_no_names_of_types() {
        for (message, text) in [
            (
                "invalid type: sequence, expected struct EnvironmentSpec at line 1 column 2",
                "an object is expected, not a list at line 1 column 2",
            ),
            (
                "invalid type: string \"hunter2\", expected a map",
                "an object is expected, not a text",
            ),
            (
                "invalid value: integer `-1`, expected u16",
                "a whole number from 0 to 65535 is expected, not -1",
            ),
            (
                "invalid type: map, expected a string",
                "a text is expected, not an object",
            ),
            (
                "unknown variant `done`, expected one of `started`, `ready`, `completed`",
                "unknown value; use started, ready or completed",
            ),
            (
                "unknown field `host`, expected `docker_host` or `pull`",
                "unknown key; did you mean \"docker_host\"?",
            ),
            (
                "unknown field `x`, there are no fields",
                "unknown key; there are no keys here",
            ),
            (
                "unknown variant `done`, expected `started`",
                "unknown value; use started",
            ),
            (
                "invalid type: byte array, expected u8",
                "a whole number from 0 to 255 is expected, not this value",
            ),
            (
                "invalid type: null, expected a date",
                "a date is expected, not null",
            ),
            (
                "invalid value: map, expected map with a single key",
                "an object with one key is expected, not another number of keys",
            ),
            (
                "invalid type: sequence, expected map with a single key",
                "an object with one key is expected, not a list",
            ),
            // The value has the words of the message in it.
            (
                "unknown variant `hunter2`, expected `done`, expected one of `started`, `ready`",
                "unknown value; use started or ready",
            ),
            ("anything else", "anything else"),
        ] {
            assert_eq!(plain(message), text);
        }
        let long = format!("unknown field `{}`, expected `done`", "d".repeat(1 << 20));
        assert_eq!(plain(&long), "unknown key; use done");
        assert!(plain(&"x".repeat(1 << 20)).len() < 5000);
        assert_eq!(missing("missing field `target`"), Some("target"));
        assert_eq!(missing("unknown field `target`"), None);
    }
}
