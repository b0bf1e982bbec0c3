//! A deserializer that accepts what engines write in place of a value.
//!
//! It stands between a type's `Deserialize` and the JSON reader:
//!
//! * `null` is the empty value of any type. If a type requests a string, the reader is asked for an
//!   optional string, and the type receives `""` for `null`.
//! * A whole number may have a fraction or an exponent: `1.0e9` is an integer.
//! * A struct is an object. Serde would accept an array too, with the fields by position, and so
//!   read wrong values from a reply of another shape.
//!
//! The wrapping goes down with every map and list, so nested types get it too.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The wrapper: around a deserializer, a seed, a visitor, or an access to a map or list.
pub(crate) struct Lenient<T>(pub(crate) T);

/// A visitor that knows what `null` stands for.
struct NullAs<V, K>(V, K);

/// What a caller asked for: how to go on when a value is there, and what stands for `null`.
trait Wanted<'de>: Sized {
    fn value<D: Deserializer<'de>, V: Visitor<'de>>(
        self,
        source: D,
        visitor: V,
    ) -> Result<V::Value, D::Error>;
    fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E>;
}

impl<'de, V: Visitor<'de>, K: Wanted<'de>> Visitor<'de> for NullAs<V, K> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.1.null(self.0)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.1.null(self.0)
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<V::Value, D::Error> {
        self.1.value(source, self.0)
    }
}

/// For each kind of request: its marker, how it is passed on (through a visitor of integers or
/// directly), and what stands for `null`.
macro_rules! scalars {
    (@wrap $visitor:ident $wrapper:ident) => { $wrapper($visitor) };
    (@wrap $visitor:ident) => { $visitor };
    ($($method:ident: $kind:ident = $visit:ident($empty:expr) $(through $wrapper:ident)?;)+) => {$(
        struct $kind;
        impl<'de> Wanted<'de> for $kind {
            #[inline]
            fn value<D: Deserializer<'de>, V: Visitor<'de>>(self, source: D, visitor: V) -> Result<V::Value, D::Error> {
                source.$method(scalars!(@wrap visitor $($wrapper)?))
            }
            fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
                visitor.$visit($empty)
            }
        }
    )+};
}

scalars! {
    deserialize_bool: Bool = visit_bool(false);
    deserialize_i8: I8 = visit_i8(0) through Whole;
    deserialize_i16: I16 = visit_i16(0) through Whole;
    deserialize_i32: I32 = visit_i32(0) through Whole;
    deserialize_i64: I64 = visit_i64(0) through Whole;
    deserialize_u8: U8 = visit_u8(0) through Whole;
    deserialize_u16: U16 = visit_u16(0) through Whole;
    deserialize_u32: U32 = visit_u32(0) through Whole;
    deserialize_u64: U64 = visit_u64(0) through Whole;
    deserialize_f32: F32 = visit_f32(0.0);
    deserialize_f64: F64 = visit_f64(0.0);
    deserialize_char: Char = visit_str("");
    deserialize_str: Str = visit_str("");
    deserialize_string: Text = visit_str("");
    deserialize_bytes: Bytes = visit_bytes(&[]);
    deserialize_byte_buf: ByteBuf = visit_bytes(&[]);
}

/// A visitor of integers that takes whole numbers with a fraction or an exponent.
struct Whole<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Whole<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    #[inline]
    fn visit_i64<E: Error>(self, number: i64) -> Result<V::Value, E> {
        self.0.visit_i64(number)
    }

    #[inline]
    fn visit_u64<E: Error>(self, number: u64) -> Result<V::Value, E> {
        self.0.visit_u64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        // Both bounds are powers of two, so that they are exact; a larger number saturates in
        // neither cast.
        const END_OF_I64: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() != 0.0 || !(-END_OF_I64..2.0 * END_OF_I64).contains(&number) {
            self.0.visit_f64(number)
        } else if number < END_OF_I64 {
            self.0.visit_i64(number as i64)
        } else {
            self.0.visit_u64(number as u64)
        }
    }
}

struct List;
struct Tuple(usize);
struct Map;
struct Struct;

impl<'de> Wanted<'de> for List {
    #[inline]
    fn value<D: Deserializer<'de>, V: Visitor<'de>>(
        self,
        source: D,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        source.deserialize_seq(Lenient(visitor))
    }
    fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(Nothing::new())
    }
}

impl<'de> Wanted<'de> for Tuple {
    fn value<D: Deserializer<'de>, V: Visitor<'de>>(
        self,
        source: D,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        source.deserialize_tuple(self.0, Lenient(visitor))
    }
    fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(Nothing::new())
    }
}

impl<'de> Wanted<'de> for Map {
    #[inline]
    fn value<D: Deserializer<'de>, V: Visitor<'de>>(
        self,
        source: D,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        source.deserialize_map(Lenient(visitor))
    }
    fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_map(Nothing::new())
    }
}

impl<'de> Wanted<'de> for Struct {
    #[inline]
    fn value<D: Deserializer<'de>, V: Visitor<'de>>(
        self,
        source: D,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        source.deserialize_map(Lenient(visitor))
    }
    fn null<E: Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_map(Nothing::new())
    }
}

macro_rules! ask_optional {
    ($($method:ident: $kind:ident;)+) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_option(NullAs(visitor, $kind))
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lenient<D> {
    type Error = D::Error;

    ask_optional! {
        deserialize_bool: Bool;
        deserialize_i8: I8;
        deserialize_i16: I16;
        deserialize_i32: I32;
        deserialize_i64: I64;
        deserialize_u8: U8;
        deserialize_u16: U16;
        deserialize_u32: U32;
        deserialize_u64: U64;
        deserialize_f32: F32;
        deserialize_f64: F64;
        deserialize_char: Char;
        deserialize_str: Str;
        deserialize_string: Text;
        deserialize_bytes: Bytes;
        deserialize_byte_buf: ByteBuf;
        deserialize_seq: List;
        deserialize_map: Map;
    }

    // A type that accepts any value (a `serde_json::Value`) can hold a `null`.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Lenient(visitor))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Lenient(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(NullAs(visitor, Tuple(len)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(NullAs(visitor, Struct))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_identifier(visitor)
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Lenient<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Lenient(source))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, source: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Lenient(source))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Lenient(list))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Lenient(map))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lenient<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lenient(source))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Lenient<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Lenient(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Lenient<A> {
    type Error = A::Error;

    // A key is never null.
    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Lenient(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// A list or map without elements.
struct Nothing<E>(std::marker::PhantomData<E>);

impl<E> Nothing<E> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<'de, E: Error> SeqAccess<'de> for Nothing<E> {
    type Error = E;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, E> {
        Ok(None)
    }
}

impl<'de, E: Error> MapAccess<'de> for Nothing<E> {
    type Error = E;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, E> {
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<S::Value, E> {
        Err(E::custom("an empty map has no values"))
    }
}
