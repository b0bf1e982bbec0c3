//! Reads a JSON value without one freedom of `serde`, which also takes the fields of a type from a
//! list, in the order of their declaration.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// Reads a value as `T`. A list in the place of an object is an error.
///
/// Inside of a type that `serde` has to collect first, because its variants have no names or its
/// fields are those of several types, a list is still taken.
pub(crate) fn from_value<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, Error> {
    T::deserialize(Strict(value))
}

/// A value to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strict<'a>(pub(super) &'a Value);

/// A key of an object, which may be a number in a text.
struct Key<'a>(&'a str);

fn entries(map: &Map<String, Value>) -> impl Iterator<Item = (Key<'_>, Strict<'_>)> {
    map.iter().map(|(key, value)| (Key(key), Strict(value)))
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(Strict));
                let read = visitor.visit_seq(&mut items)?;
                items.end().map(|()| read)
            }
            Value::Object(map) => {
                let mut entries = MapDeserializer::new(entries(map));
                let read = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| read)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    /// The fields of a variant are read as those of an object, too.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(map) if map.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries(map))))
            }
            // The name of a variant, or an error.
            other => other.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A key that is read as a number: its text, or the number in it.
macro_rules! number {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match serde_json::from_str::<serde_json::Number>(self.0) {
                Ok(number) => number.deserialize_any(visitor),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    number! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Key<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
        #[serde(default)]
        y: Option<f64>,
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Nothing,
        Line { to: i8 },
        Pair(bool, Option<u16>),
        Named(Name),
    }

    fn read<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, String> {
        from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn value_is_read_as_by_its_crate() {
        fn same<T: for<'de> Deserialize<'de> + Debug + PartialEq>(value: Value) {
            assert_eq!(read(&value), Ok(serde_json::from_value::<T>(value).unwrap()));
        }
        same::<Vec<Point>>(json!([{"x": -1}, {"x": 2, "y": 0.5}, {"x": 3, "y": null, "z": [1]}]));
        same::<Vec<Shape>>(json!(["nothing", {"line": {"to": -1}}, {"pair": [true, 7]}, {"named": "n"}]));
        same::<BTreeMap<u16, bool>>(json!({"80": true, "443": false}));
        same::<BTreeMap<Name, ()>>(json!({"a": null}));
        same::<BTreeMap<Shape, String>>(json!({"nothing": "text"}));
        same::<(u64, Value)>(json!([1, {"any": [null, "thing"]}]));
    }

    #[test]
    fn list_in_the_place_of_an_object_is_an_error() {
        for (wrong, right) in [
            (json!([1]), json!({"x": 1})),
            (json!([]), json!({"x": 1, "y": 2.0})),
        ] {
            let text = read::<Point>(&wrong).unwrap_err();
            assert!(
                text.starts_with("invalid type: sequence, expected struct"),
                "{text}"
            );
            read::<Point>(&right).unwrap();
        }
        assert!(
            serde_json::from_value::<Point>(json!([1, 2.0])).is_ok(),
            "the freedom"
        );
        let text = read::<Shape>(&json!({"line": [1]})).unwrap_err();
        assert!(text.contains("invalid type: sequence"), "{text}");
        read::<BTreeMap<u16, bool>>(&json!([])).unwrap_err();
    }

    #[test]
    fn wrong_value_has_the_usual_error() {
        fn same<T: for<'de> Deserialize<'de> + Debug>(value: Value) {
            let strict = read::<T>(&value).unwrap_err();
            let usual = serde_json::from_value::<T>(value).unwrap_err();
            assert_eq!(strict, usual.to_string());
        }
        same::<Point>(json!({}));
        same::<Point>(json!({"x": "1"}));
        same::<Point>(json!({"x": 1_u64 << 40}));
        same::<Point>(json!(true));
        read::<(u8, u8)>(&json!([1, 2, 3])).unwrap_err();
        read::<BTreeMap<u16, bool>>(&json!({"x": true})).unwrap_err();
        let two = json!({"line": {"to": 1}, "nothing": null});
        for value in [
            json!(null),
            json!(5),
            json!([]),
            json!("other"),
            json!("line"),
            json!({}),
            two,
        ] {
            same::<Shape>(value);
        }
    }
}
