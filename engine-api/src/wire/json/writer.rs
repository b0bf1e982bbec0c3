//! A writer of JSON that omits empty plain fields of structs.
//!
//! `Some(empty)` is kept: in a request, the caller uses it to send an empty value. Values in maps
//! and lists are kept, too, because the caller has chosen their keys and positions.
//!
//! Each value is written first and reports whether it was empty; then its field may be removed
//! again. A check before writing would require a second serializer, for which all types would be
//! compiled.

use std::io::Write;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::string::quote;

/// The text so far. The result of each method is whether the value was empty.
pub(super) struct Writer(pub(super) Vec<u8>);

type Written<T> = Result<T, serde_json::Error>;

impl Writer {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: std::fmt::Arguments<'_>, zero: bool) -> Written<bool> {
        self.0.write_fmt(number).map_err(Error::custom)?;
        Ok(zero)
    }

    fn open(&mut self, bracket: Bracket) -> Elements<'_> {
        self.text(match bracket {
            Bracket::List => "[",
            Bracket::Object => "{",
        });
        Elements {
            writer: self,
            bracket,
            empty: true,
            variant: false,
        }
    }

    /// Begins the object of a variant, up to the value of the variant.
    fn open_variant(&mut self, variant: &str, bracket: Bracket) -> Elements<'_> {
        self.text("{");
        quote(variant, &mut self.0);
        self.text(":");
        Elements {
            variant: true,
            ..self.open(bracket)
        }
    }

    /// Puts quotes around the key that starts at `start`, unless it is a string.
    fn quote_key(&mut self, start: usize) -> Written<()> {
        match self.0.get(start) {
            Some(b'"') => {}
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.0.insert(start, b'"');
                self.0.push(b'"');
            }
            _ => return Err(Error::custom("key must be a string")),
        }
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty);)+) => {$(
        fn $method(self, number: $type) -> Written<bool> {
            self.number(format_args!("{number}"), number == 0)
        }
    )+};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = bool;
    type Error = serde_json::Error;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Elements<'a>;
    type SerializeStruct = Elements<'a>;
    type SerializeStructVariant = Elements<'a>;

    numbers! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
    }

    fn serialize_bool(self, on: bool) -> Written<bool> {
        self.text(if on { "true" } else { "false" });
        Ok(!on)
    }

    // The forms of `Debug` are JSON: `1.0`, `1e21`. JSON has no infinity.
    fn serialize_f32(self, number: f32) -> Written<bool> {
        match number.is_finite() {
            true => self.number(format_args!("{number:?}"), number == 0.0),
            false => self.serialize_unit().map(|_| false),
        }
    }

    fn serialize_f64(self, number: f64) -> Written<bool> {
        match number.is_finite() {
            true => self.number(format_args!("{number:?}"), number == 0.0),
            false => self.serialize_unit().map(|_| false),
        }
    }

    fn serialize_char(self, character: char) -> Written<bool> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Written<bool> {
        quote(text, &mut self.0);
        Ok(text.is_empty())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written<bool> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Written<bool> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written<bool> {
        value.serialize(self).map(|_| false)
    }

    fn serialize_unit(self) -> Written<bool> {
        self.text("null");
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written<bool> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written<bool> {
        self.serialize_str(variant).map(|_| false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written<bool> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written<bool> {
        let mut object = self.open(Bracket::Object);
        object.serialize_entry(variant, value)?;
        SerializeMap::end(object)
    }

    fn serialize_seq(self, _: Option<usize>) -> Written<Elements<'a>> {
        Ok(self.open(Bracket::List))
    }

    fn serialize_tuple(self, _: usize) -> Written<Elements<'a>> {
        Ok(self.open(Bracket::List))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Written<Elements<'a>> {
        Ok(self.open(Bracket::List))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<Elements<'a>> {
        Ok(self.open_variant(variant, Bracket::List))
    }

    fn serialize_map(self, _: Option<usize>) -> Written<Elements<'a>> {
        Ok(self.open(Bracket::Object))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Written<Elements<'a>> {
        Ok(self.open(Bracket::Object))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<Elements<'a>> {
        Ok(self.open_variant(variant, Bracket::Object))
    }
}

#[derive(Clone, Copy)]
enum Bracket {
    List,
    Object,
}

/// A list or an object that is being written. It counts as empty if it has no elements; empty
/// fields of a struct are not elements.
pub(super) struct Elements<'a> {
    writer: &'a mut Writer,
    bracket: Bracket,
    empty: bool,
    /// Whether it is inside the object of a variant.
    variant: bool,
}

impl Elements<'_> {
    fn comma(&mut self) {
        if !self.empty {
            self.writer.text(",");
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written<()> {
        self.comma();
        self.empty = false;
        value.serialize(&mut *self.writer).map(drop)
    }

    /// Writes a field, and removes it again if it is empty.
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written<()> {
        let start = self.begin(key);
        let empty = value.serialize(&mut *self.writer)?;
        self.finish(start, empty);
        Ok(())
    }

    fn begin(&mut self, key: &'static str) -> usize {
        let start = self.writer.0.len();
        self.comma();
        quote(key, &mut self.writer.0);
        self.writer.text(":");
        start
    }

    fn finish(&mut self, start: usize, empty: bool) {
        match empty {
            true => self.writer.0.truncate(start),
            false => self.empty = false,
        }
    }

    fn close(self) -> bool {
        self.writer.text(match self.bracket {
            Bracket::List => "]",
            Bracket::Object => "}",
        });
        if self.variant {
            self.writer.text("}");
        }
        self.empty && !self.variant
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)+) => {$(
        impl $trait for Elements<'_> {
            type Ok = bool;
            type Error = serde_json::Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written<()> {
                self.element(value)
            }
            fn end(self) -> Written<bool> {
                Ok(self.close())
            }
        }
    )+};
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)+) => {$(
        impl $trait for Elements<'_> {
            type Ok = bool;
            type Error = serde_json::Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written<()> {
                self.field(key, value)
            }
            fn end(self) -> Written<bool> {
                Ok(self.close())
            }
        }
    )+};
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Elements<'_> {
    type Ok = bool;
    type Error = serde_json::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written<()> {
        self.comma();
        self.empty = false;
        let start = self.writer.0.len();
        key.serialize(&mut *self.writer)?;
        self.writer.quote_key(start)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written<()> {
        self.writer.text(":");
        value.serialize(&mut *self.writer).map(drop)
    }

    fn end(self) -> Written<bool> {
        Ok(self.close())
    }
}
