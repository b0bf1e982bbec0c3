//! JSON with the conventions of engines.
//!
//! Engines send `null` for an empty list, map or text, and treat an absent key like a zero value.
//! This module implements both conventions, so that types need no attributes for each field:
//!
//! * [`decode`] reads `null` as the empty value of any field (`""`, `0`, `false`, `[]`, `{}`,
//!   `None`);
//! * [`encode`] omits plain fields with an empty value, and keeps `Some(empty)`.
//!
//! So a reply type is a plain struct with `#[serde(default)]`. In a request, a field is an `Option`
//! if an empty value differs from no value.

mod access;
mod deserializer;
mod duplicate_id;
mod members;
mod number;
mod open_enum;
mod path;
mod read_error;
mod reader;
pub(crate) mod set;
#[cfg(test)]
mod shapes;
mod string;
mod writer;

pub(crate) use open_enum::open_enum;
pub(crate) use string::plain;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::JsonError;
pub(crate) use reader::Reader;

use read_error::{Read, ReadError};
use writer::Writer;

/// Reads one JSON value that fills `bytes`, with `null` as an empty value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    // One check for UTF-8 is cheaper than a check of each string. Invalid bytes become U+FFFD, as
    // in engines.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    read(&text).or_else(|failure| {
        let text = failure.mend(&text)?;
        read(&text).map_err(|failure| failure.explain(&text))
    })
}

/// Reads one JSON value that fills `bytes` with the function `value`, without a type.
pub(crate) fn read_with(
    bytes: &[u8],
    value: &mut dyn FnMut(&mut Reader<'_>) -> Read<()>,
) -> Result<(), JsonError> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::new(&text);
    value(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| path::explain(text.as_bytes(), &error.to_string(), reader.at))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader);
    value
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| Failure { error, at: reader.at })
}

/// An error of the reader with its position.
struct Failure {
    error: ReadError,
    at: usize,
}

impl Failure {
    /// The text without the cause of the error, if it can be repaired.
    fn mend(self, text: &str) -> Result<String, JsonError> {
        let mended = match duplicate_id::is_duplicate_id(&self.error) {
            true => duplicate_id::with_one_id(text),
            false => None,
        };
        mended.ok_or_else(|| self.explain(text))
    }

    fn explain(&self, text: &str) -> JsonError {
        path::explain(text.as_bytes(), &self.error.to_string(), self.at)
    }
}

/// Writes `value` for an engine: empty plain fields are omitted.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut writer = Writer(Vec::with_capacity(256));
    value.serialize(&mut writer)?;
    Ok(writer.0)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Inner {
        name: String,
        size: i64,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Outer {
        text: String,
        count: u64,
        ratio: f64,
        flag: bool,
        maybe: Option<i64>,
        list: Vec<Inner>,
        map: BTreeMap<String, Vec<Inner>>,
        inner: Inner,
        #[serde(with = "set")]
        ports: BTreeSet<String>,
        raw: serde_json::Value,
        strings: Option<Vec<String>>,
    }

    #[test]
    fn null_and_absent_mean_empty_everywhere() {
        let null = br#"{"Text":null,"Count":null,"Ratio":null,"Flag":null,"Maybe":null,"List":null,
            "Map":null,"Inner":null,"Ports":null,"Raw":null,"Strings":null,"Unknown":{"a":[null]}}"#;
        assert_eq!(decode::<Outer>(null).unwrap(), Outer::default());
        assert_eq!(decode::<Outer>(b"{}").unwrap(), Outer::default());
        assert_eq!(decode::<Outer>(b"null").unwrap(), Outer::default());
        assert_eq!(decode::<Vec<Outer>>(b" null ").unwrap(), Vec::new());
        let nested = br#"{"List":[null,{"Name":null,"Size":7}],"Map":{"80/tcp":null},"Strings":[null]}"#;
        let outer = decode::<Outer>(nested).unwrap();
        assert_eq!(
            outer.list,
            [
                Inner::default(),
                Inner {
                    name: String::new(),
                    size: 7
                }
            ]
        );
        assert_eq!(outer.map["80/tcp"], []);
        assert_eq!(outer.strings, Some(vec![String::new()]));
    }

    #[test]
    fn encode_omits_empty_plain_fields_and_keeps_some() {
        let mut outer = Outer {
            maybe: Some(0),
            strings: Some(vec![]),
            ..Default::default()
        };
        assert_eq!(encode(&outer).unwrap(), br#"{"Maybe":0,"Strings":[]}"#);
        outer.ports.insert("80/tcp".into());
        outer.map.insert("k".into(), vec![]);
        outer.inner.size = 1;
        outer.maybe = None;
        outer.strings = None;
        let text = String::from_utf8(encode(&outer).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"Map":{"k":[]},"Inner":{"Size":1},"Ports":{"80/tcp":{}}}"#
        );
    }

    #[test]
    fn map_values_survive_even_when_empty() {
        let args = BTreeMap::from([("A", Some("")), ("B", None)]);
        assert_eq!(encode(&args).unwrap(), br#"{"A":"","B":null}"#);
    }

    #[test]
    fn an_error_names_the_path_and_hides_secrets() {
        let error = decode::<Outer>(br#"{"Map":{"a\"b":[{"Size":1},{"Size":"big"}]}}"#).unwrap_err();
        assert_eq!(error.path, r#"$.Map["a\"b"][1].Size"#);
        assert!(error.to_string().contains("found \"big\""), "{error}");
        let error = decode::<BTreeMap<String, i64>>(br#"{"Password":"hunter2"}"#).unwrap_err();
        assert_eq!(error.path, "$.Password");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        let value: Outer = decode(b"{\"Text\":\"a\xffb\",\"\xc3\":1}").unwrap();
        assert_eq!(value.text, "a\u{fffd}b");
    }

    #[test]
    fn whole_numbers_with_an_exponent_are_integers() {
        let size =
            |text: &str| decode::<Inner>(format!(r#"{{"Size":{text}}}"#).as_bytes()).map(|inner| inner.size);
        assert_eq!(size("7.776e+15").unwrap(), 7_776_000_000_000_000);
        assert_eq!(size("1.0e9").unwrap(), 1_000_000_000);
        assert_eq!(size("-2.0").unwrap(), -2);
        assert_eq!(size("-9223372036854775808.0").unwrap(), i64::MIN);
        for bad in ["1.5", "1e30", "-1e30", "9223372036854775808.0", "1e-1"] {
            let error = size(bad).unwrap_err().to_string();
            assert!(error.starts_with("at $.Size: "), "{bad}: {error}");
        }
        let count = |text: &str| {
            decode::<Outer>(format!(r#"{{"Count":{text}}}"#).as_bytes()).map(|outer| outer.count)
        };
        assert_eq!(count("1e19").unwrap(), 10_000_000_000_000_000_000);
        assert!(count("-1.0").is_err() && count("18446744073709551616.0").is_err());
        assert_eq!(
            decode::<BTreeMap<String, u16>>(br#"{"a":8.0e1}"#).unwrap()["a"],
            80
        );
        assert!(decode::<BTreeMap<String, u16>>(br#"{"a":70000.0}"#).is_err());
    }

    #[test]
    fn array_in_place_of_an_object_is_an_error() {
        for text in ["[\"a\",1]", "[]", r#"{"Inner":["a",1]}"#, r#"{"List":[["a",1]]}"#] {
            let error = decode::<Outer>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("invalid type: sequence"), "{text}: {error}");
        }
    }

    #[test]
    fn both_spellings_of_an_id_are_one_field() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[serde(default, rename_all = "PascalCase")]
        struct Named {
            #[serde(alias = "ID")]
            id: String,
            parts: Vec<Named>,
        }
        let id = |text: &str| decode::<Named>(text.as_bytes()).map(|named| named.id);
        assert_eq!(id(r#"{"Id":"a","ID":"b"}"#).unwrap(), "a");
        assert_eq!(id(r#"{"ID":"b","Id":""}"#).unwrap(), "b");
        assert_eq!(id(r#"{"ID":"b","Id":null}"#).unwrap(), "b");
        let nested = decode::<Named>(br#"{"Id":"x","Parts":[{"Id":"a","ID":"a"},{"ID":"c"}]}"#).unwrap();
        let ids: Vec<_> = nested.parts.iter().map(|part| part.id.as_str()).collect();
        assert_eq!(ids, ["a", "c"]);
        // If the same key occurs twice, the last one counts, as in Go.
        assert!(id(r#"{"Id":"a","Id":"b"}"#).is_ok_and(|id| id == "b"));
    }

    #[test]
    fn memory_of_values_has_a_limit() {
        let list =
            |element: &str, count: usize| format!("[{element}{}]", format!(",{element}").repeat(count));
        // Below a mebibyte, every reply is accepted.
        assert_eq!(
            decode::<Vec<Outer>>(list("{}", 1000).as_bytes()).unwrap().len(),
            1001
        );
        fn is_refused<T: DeserializeOwned>(text: &str) -> bool {
            let error = decode::<T>(text.as_bytes()).err();
            error.is_some_and(|error| error.to_string().contains("times the memory of the text"))
        }
        for element in ["{}", "null", "{\"Count\":1}"] {
            let hostile = list(element, 200_000);
            assert!(is_refused::<Vec<Outer>>(&hostile), "{element}");
            assert!(is_refused::<BTreeMap<String, Vec<Outer>>>(&format!(
                "{{\"a\":{hostile}}}"
            )));
        }
        let entries: Vec<_> = (0..100_000).map(|key| format!("\"{key}\":{{}}")).collect();
        assert!(is_refused::<BTreeMap<String, Outer>>(&format!(
            "{{{}}}",
            entries.join(",")
        )));
        // Short values of small types and the fields of a struct do not cause the error.
        assert!(decode::<Vec<serde_json::Value>>(list("0", 1_000_000).as_bytes()).is_ok());
        assert!(decode::<Vec<String>>(list("\"\"", 1_000_000).as_bytes()).is_ok());
        let full = r#"{"Text":"some text that has a usual length","Map":{"a":[]},"Inner":{"Name":"b"}}"#;
        assert!(decode::<Vec<Outer>>(list(full, 100_000).as_bytes()).is_ok());
    }

    #[test]
    fn text_after_the_value_is_an_error() {
        assert!(decode::<Outer>(b"{} x").is_err());
        assert!(decode::<Outer>(b"{\"Text\":\"cut").is_err());
        assert!(decode::<Outer>(b"").is_err());
    }

    #[test]
    fn values_without_a_type_are_read() {
        let value: serde_json::Value = decode(br#"[true,null,-1,{"a":"b"}]"#).unwrap();
        assert_eq!(value, serde_json::json!([true, null, -1, {"a": "b"}]));
    }

    #[test]
    fn names_are_read_as_texts() {
        struct Name(String);
        struct Read;
        impl serde::de::Visitor<'_> for Read {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }
        }
        impl<'de> Deserialize<'de> for Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_identifier(Read)
            }
        }
        assert_eq!(decode::<Name>(br#""a\n""#).unwrap().0, "a\n");
        assert!(decode::<Name>(b"7").is_err());
    }
}
