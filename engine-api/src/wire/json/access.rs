//! Reads the contents of a list or an object, and the keys of an object.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::read_error::{Read, ReadError};
use super::reader::Reader;

/// The elements of a list, or the entries of an object.
pub(super) struct Access<'a, 'de> {
    reader: &'a mut Reader<'de>,
    next: Next,
    is_struct: bool,
}

/// The separator before the next element.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// No separator: it is the first element.
    First,
    Comma,
    /// The value is `null`, which has no elements and no closing bracket.
    Null,
}

impl<'de> Reader<'de> {
    /// Enters a list or an object; `null` counts as empty.
    pub(super) fn open(&mut self, bracket: u8, expected: &dyn Expected) -> Read<Access<'_, 'de>> {
        let is_struct = std::mem::take(&mut self.opens_struct);
        if self.null()? {
            return Ok(Access::nothing(self));
        }
        if self.value()? != bracket {
            return Err(self.unexpected(expected));
        }
        self.enter()?;
        Ok(Access::new(self, is_struct))
    }
}

impl<'a, 'de> Access<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, is_struct: bool) -> Self {
        Self {
            reader,
            next: Next::First,
            is_struct,
        }
    }

    pub(super) fn nothing(reader: &'a mut Reader<'de>) -> Self {
        Self {
            reader,
            next: Next::Null,
            is_struct: false,
        }
    }

    /// Whether another element comes before the closing bracket.
    #[inline]
    fn advance(&mut self, bracket: u8) -> Read<bool> {
        if self.next == Next::Null || self.reader.byte() == Some(bracket) {
            return Ok(false);
        }
        if self.next == Next::Comma {
            self.reader.expect(b',')?;
        }
        self.next = Next::Comma;
        Ok(true)
    }

    /// Leaves the list or object, after all of it was read.
    pub(super) fn end(&mut self, bracket: u8) -> Read<()> {
        if self.next != Next::Null {
            self.reader.expect(bracket)?;
            self.reader.leave();
        }
        Ok(())
    }

    /// The next key: a string.
    #[inline]
    fn key(&mut self) -> Read<Key<'_, 'de>> {
        match self.reader.byte() {
            Some(b'"') => Ok(Key(self.reader)),
            _ => Err(ReadError::new("key must be a string")),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Access<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if !self.advance(b']')? {
            return Ok(None);
        }
        self.reader.count(size_of::<S::Value>())?;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Access<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        match self.advance(b'}')? {
            true => seed.deserialize(self.key()?).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<S::Value> {
        self.reader.expect(b':')?;
        if !self.is_struct {
            self.reader.count(size_of::<S::Value>())?;
        }
        seed.deserialize(&mut *self.reader)
    }
}

/// The key of an object as a value: numbers and booleans are in quotes.
pub(super) struct Key<'a, 'de>(pub(super) &'a mut Reader<'de>);

/// The methods for a number or a boolean: they read the text between the quotes.
macro_rules! quoted {
    ($($method:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            self.0.open_quoted(&visitor)?;
            let value = (&mut *self.0).$method(visitor)?;
            self.0.expect(b'"').map(|()| value)
        }
    )+};
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = ReadError;

    quoted! {
        deserialize_bool;
        deserialize_i8;
        deserialize_i16;
        deserialize_i32;
        deserialize_i64;
        deserialize_u8;
        deserialize_u16;
        deserialize_u32;
        deserialize_u64;
        deserialize_f32;
        deserialize_f64;
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.0.visit_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let text = self.0.string()?;
        visitor.visit_enum(StrDeserializer::new(text.unwrap_or(&self.0.unescaped)))
    }
}

/// An enum as an object with one entry: the variant, and its value.
pub(super) struct Variant<'a, 'de>(pub(super) Access<'a, 'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Read<(S::Value, Self)> {
        let variant = seed.deserialize(self.0.key()?)?;
        self.0.reader.expect(b':').map(|()| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(mut self) -> Read<()> {
        <()>::deserialize(&mut *self.0.reader)?;
        self.0.end(b'}')
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Read<S::Value> {
        let value = seed.deserialize(&mut *self.0.reader)?;
        self.0.end(b'}').map(|()| value)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, _: usize, visitor: V) -> Read<V::Value> {
        let value = self.0.reader.deserialize_seq(visitor)?;
        self.0.end(b'}').map(|()| value)
    }

    fn struct_variant<V: Visitor<'de>>(mut self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        let value = self.0.reader.deserialize_map(visitor)?;
        self.0.end(b'}').map(|()| value)
    }
}
