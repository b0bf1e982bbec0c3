//! Values of every shape that serde knows: they are written as by serde_json, and read again.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{decode, encode};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Wrapped(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Unit,
    Newtype(i64),
    Tuple(u8, String),
    Struct { name: String, size: u32 },
}

fn is_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = encode(value).unwrap();
    let shown = String::from_utf8_lossy(&text);
    assert_eq!(shown, serde_json::to_string(value).unwrap());
    assert_eq!(decode::<T>(&text).unwrap(), *value, "{shown}");
}

#[test]
fn value_of_any_shape_is_written_and_read() {
    is_kept(&('é', "a\n\"b\"".to_owned(), true, false));
    is_kept(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN));
    is_kept(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX));
    is_kept(&(0.1_f32, 1e-7_f64, f64::MIN_POSITIVE));
    is_kept(&(
        Wrapped("x".into()),
        Pair(1, "y".into()),
        Some(Some(3)),
        None::<u8>,
    ));
    is_kept(&[
        Choice::Unit,
        Choice::Newtype(-1),
        Choice::Tuple(1, String::new()),
        Choice::Struct {
            name: "n".into(),
            size: 2,
        },
    ]);
    is_kept(&vec![vec![(), ()], vec![]]);
    is_kept(&[Unit, Unit]);
}

#[test]
fn key_of_any_shape_is_a_string() {
    is_kept(&BTreeMap::from([(80_u16, "a"), (443, "b")].map(owned)));
    is_kept(&BTreeMap::from([(-1_i64, "a"), (i64::MIN, "b")].map(owned)));
    is_kept(&BTreeMap::from([(true, "a"), (false, "b")].map(owned)));
    is_kept(&BTreeMap::from([('x', "a"), ('"', "b")].map(owned)));
    is_kept(&BTreeMap::from([(Wrapped("w\\".into()), "a")].map(owned)));
    is_kept(&BTreeMap::from([(Choice::Unit, "a")].map(owned)));
    is_kept(&BTreeMap::from([(Some("k".to_owned()), "a")].map(owned)));
    for text in [r#"{"x":"a"}"#, r#"{"":"a"}"#, r#"{"1x":"a"}"#, r#"{1:"a"}"#] {
        assert!(
            decode::<BTreeMap<u16, String>>(text.as_bytes()).is_err(),
            "{text}"
        );
    }
    // JSON has no such keys.
    assert!(encode(&BTreeMap::from([((), 1)])).is_err());
    assert!(encode(&BTreeMap::from([(vec![1], 1)])).is_err());
}

fn owned<K>((key, value): (K, &str)) -> (K, String) {
    (key, value.to_owned())
}

/// Bytes, as serde_json writes and reads them.
#[derive(Debug, PartialEq)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

struct RawVisitor;

impl<'de> serde::de::Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
        Ok(Raw(bytes.to_owned()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(Raw(bytes))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(RawVisitor)
    }
}

#[test]
fn bytes_are_a_list_or_a_text() {
    is_kept(&Raw(vec![0, 1, 255]));
    for (text, bytes) in [(r#""ab""#, &b"ab"[..]), (r#""a\n""#, b"a\n"), ("null", b"")] {
        assert_eq!(decode::<Raw>(text.as_bytes()).unwrap().0, bytes, "{text}");
    }
    assert!(decode::<Raw>(b"{}").is_err());
}

/// serde_json writes a sign before a positive exponent.
#[test]
fn large_number_is_read_as_it_was_written() {
    let large = (f32::MAX, f64::MAX, -1e21_f64, 1e16_f64);
    let text = encode(&large).unwrap();
    assert_eq!(decode::<(f32, f64, f64, f64)>(&text).unwrap(), large);
    assert_eq!(
        serde_json::from_slice::<(f32, f64, f64, f64)>(&text).unwrap(),
        large
    );
}

#[test]
fn number_that_json_lacks_is_null() {
    for text in [
        encode(&[f64::NAN, f64::INFINITY]),
        encode(&[f32::NAN, f32::NEG_INFINITY]),
    ] {
        assert_eq!(text.unwrap(), b"[null,null]");
    }
}

#[test]
fn value_of_another_type_is_named() {
    fn error<T: DeserializeOwned>(text: &str) -> String {
        match decode::<T>(text.as_bytes()) {
            Ok(_) => panic!("{text} was read"),
            Err(error) => error.to_string(),
        }
    }
    for (text, found) in [
        ("true", "boolean `true`"),
        ("-1", "integer `-1`"),
        ("1", "integer `1`"),
        ("1.5", "floating point `1.5`"),
        ("[]", "sequence"),
        ("{}", "map"),
        (r#""x""#, "string"),
    ] {
        let found_bool = error::<()>(text);
        assert!(found_bool.contains("expected unit"), "{text}: {found_bool}");
        assert!(found_bool.contains(found), "{text}: {found_bool}");
    }
    assert!(
        error::<bool>("1").contains("expected a boolean"),
        "{}",
        error::<bool>("1")
    );
    assert!(
        error::<Choice>("[]").contains("sequence"),
        "{}",
        error::<Choice>("[]")
    );
    assert!(error::<Choice>(r#"{"unit":null,"newtype":1}"#).contains("expected `}`"));
    assert!(error::<Choice>(r#""other""#).contains("unknown variant"));
    assert!(
        error::<u8>("tru").contains("expected `true`"),
        "{}",
        error::<u8>("tru")
    );
}
