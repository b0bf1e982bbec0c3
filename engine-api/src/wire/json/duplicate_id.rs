//! Objects with both `Id` and `ID`.
//!
//! Engines spell the key in two ways, and each type accepts both. Some engines and proxies send
//! both spellings in one object, which serde rejects as a duplicate field. Such a text is read
//! again without the second spelling. Other texts have no extra cost.

use std::ops::Range;

use super::read_error::ReadError;
use super::reader::MOST_DEPTH;
use super::string::plain;

/// Whether the two spellings in one object caused an error of serde.
pub(super) fn is_duplicate_id(error: &ReadError) -> bool {
    let text = error.to_string();
    ["duplicate field `Id`", "duplicate field `ID`"]
        .iter()
        .any(|duplicate| text.starts_with(duplicate))
}

/// The text with one spelling in each object that has both; `None` if it is not JSON.
///
/// The spelling with a value is kept, or `Id` if both have a value. If the same key occurs twice,
/// the last one counts, as in Go.
pub(super) fn with_one_id(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let end = copy(text, 0, MOST_DEPTH, &mut out)?;
    out.push_str(text.get(end..)?);
    Some(out)
}

/// A copied entry with an ID.
struct Id {
    /// Its position in the copy, with the comma after it.
    entry: Range<usize>,
    key: [u8; 2],
    empty: bool,
}

/// Copies the value at `at`; returns the position of its end. It does not validate the text,
/// because the reader reads the copy.
fn copy(text: &str, at: usize, depth: u8, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = skip_space(bytes, at);
    let (open, close) = match bytes.get(start)? {
        b'"' => {
            let end = string_end(bytes, start)?;
            out.push_str(text.get(start..end)?);
            return Some(end);
        }
        b'{' => ('{', '}'),
        b'[' => ('[', ']'),
        _ => {
            let delimits = |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
            let length = bytes[start..].iter().position(delimits);
            let end = length.map_or(bytes.len(), |length| start + length);
            out.push_str(text.get(start..end)?);
            return (end > start).then_some(end);
        }
    };
    let depth = depth.checked_sub(1)?;
    out.push(open);
    let mut at = start + 1;
    let mut id: Option<Id> = None;
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at)? {
            byte if char::from(*byte) == close => break,
            b',' if out.ends_with(',') => at += 1,
            _ if out.ends_with(open) => {}
            _ => return None,
        }
        let entry = out.len();
        let mut key = None;
        if open == '{' {
            at = skip_space(bytes, at);
            let end = string_end(bytes, at)?;
            out.push_str(text.get(at..end)?);
            // Without its quotes.
            key = <[u8; 2]>::try_from(bytes.get(at + 1..end - 1)?).ok();
            at = skip_space(bytes, end);
            (bytes.get(at)? == &b':').then_some(())?;
            out.push(':');
            at += 1;
        }
        let value = out.len();
        at = copy(text, at, depth, out)?;
        let empty = matches!(&out[value..], "null" | "\"\"");
        out.push(',');
        if let Some(key @ (b"Id" | b"ID")) = key.as_ref() {
            let new = Id {
                entry: entry..out.len(),
                key: *key,
                empty,
            };
            id = Some(match id {
                Some(old) => keep_one(old, new, out),
                None => new,
            });
        }
    }
    if out.ends_with(',') {
        out.pop();
    }
    out.push(close);
    Some(at + 1)
}

/// Removes one of two entries and returns the other. `new` is the last entry of the copy.
fn keep_one(old: Id, mut new: Id, out: &mut String) -> Id {
    if old.key == new.key || old.empty || (new.key == *b"Id" && !new.empty) {
        let length = old.entry.len();
        out.drain(old.entry);
        new.entry = new.entry.start - length..new.entry.end - length;
        new
    } else {
        out.truncate(new.entry.start);
        old
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The end of the string whose opening quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = (bytes.get(at)? == &b'"').then_some(at + 1)?;
    loop {
        at += plain(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn one_id_stays_in_each_object() {
        for (text, one) in [
            (r#"{"Id":"a","ID":"b"}"#, r#"{"Id":"a"}"#),
            (r#"{"ID":"b", "x":[1,{}], "Id":"a"}"#, r#"{"x":[1,{}],"Id":"a"}"#),
            (r#"{"ID":"b","Id":null}"#, r#"{"ID":"b"}"#),
            (
                r#"{"Id":"","y":{"ID":"c","Id":"d"},"ID":"b"} "#,
                r#"{"y":{"Id":"d"},"ID":"b"} "#,
            ),
            (r#"{"Id":"a","Id":"b","ID":"c"}"#, r#"{"Id":"b"}"#),
            (r#"[{"ID":"}","\"":"Id"}]"#, r#"[{"ID":"}","\"":"Id"}]"#),
            ("{\"\u{1}\":\"\u{2}\"}", "{\"\u{1}\":\"\u{2}\"}"),
        ] {
            assert_eq!(with_one_id(text).as_deref(), Some(one), "{text}");
        }
    }

    #[test]
    fn what_is_cut_or_too_deep_is_not_copied() {
        for bad in [
            r#"{"Id":"a","ID""#,
            r#"{"Id":"a"#,
            "[1,",
            "{1:2}",
            "[1 2]",
            r#"{"a":1 "b":2}"#,
            "{\"\u{1}",
            "",
            &"[".repeat(100_000),
        ] {
            assert_eq!(with_one_id(bad), None, "{bad:.20}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            ".{0,6}".prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("Id|[a-z]{0,3}|.{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_with_one_spelling_stays_as_it_is(value in value(), pretty in any::<bool>()) {
            prop_assume!(!value.to_string().contains("\"ID\""));
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            prop_assert_eq!(with_one_id(&text), Some(value.to_string()));
        }
    }
}
