//! A serializer that leaves out a struct's empty plain fields.
//!
//! `Some(empty)` is kept: in a request, `Option` is how a caller says that an empty value is meant.
//! Values in maps and lists are kept too, since their keys and places are the caller's own.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// The wrapper: around a serializer, a value, or a compound in progress.
pub(super) struct Sparse<T>(pub(super) T);

impl<T: Serialize + ?Sized> Serialize for Sparse<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Sparse(serializer))
    }
}

macro_rules! pass {
    ($($method:ident($type:ty);)+) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        }
    )+};
}

impl<S: Serializer> Serializer for Sparse<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Sparse<S::SerializeSeq>;
    type SerializeTuple = Sparse<S::SerializeTuple>;
    type SerializeTupleStruct = Sparse<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Sparse<S::SerializeTupleVariant>;
    type SerializeMap = Sparse<S::SerializeMap>;
    type SerializeStruct = Sparse<S::SerializeStruct>;
    type SerializeStructVariant = Sparse<S::SerializeStructVariant>;

    pass! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Sparse(value))
    }

    fn serialize_unit_variant(self, n: &'static str, i: u32, v: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(n, i, v)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Sparse(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_variant(name, index, variant, &Sparse(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Sparse)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Sparse)
    }

    fn serialize_tuple_struct(
        self,
        n: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(n, len).map(Sparse)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0
            .serialize_tuple_variant(name, index, variant, len)
            .map(Sparse)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Sparse)
    }

    // The announced length is the number of fields before any is left out; JSON writers ignore it
    // but for zero, which must not be claimed.
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, len).map(Sparse)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0
            .serialize_struct_variant(name, index, variant, len)
            .map(Sparse)
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)+) => {$(
        impl<C: $trait> $trait for Sparse<C> {
            type Ok = C::Ok;
            type Error = C::Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.0.$method(&Sparse(value))
            }
            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
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
        impl<C: $trait> $trait for Sparse<C> {
            type Ok = C::Ok;
            type Error = C::Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
                if is_empty(value) { self.0.skip_field(key) } else { self.0.serialize_field(key, &Sparse(value)) }
            }
            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )+};
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: SerializeMap> SerializeMap for Sparse<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.0.serialize_value(&Sparse(value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.0.end()
    }
}

/// Whether a field's value is the empty one of its type.
fn is_empty<T: Serialize + ?Sized>(value: &T) -> bool {
    // A value that cannot be looked at is kept, and its error comes when it is written.
    value.serialize(Probe).unwrap_or(false)
}

/// A serializer that writes nothing and answers "is this the empty value?".
struct Probe;

#[derive(Debug, thiserror::Error)]
#[error("not empty")]
struct NotEmpty;

impl serde::ser::Error for NotEmpty {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! zero {
    ($($method:ident($type:ty) = $zero:expr;)+) => {$(
        fn $method(self, value: $type) -> Result<bool, NotEmpty> {
            Ok(value == $zero)
        }
    )+};
}

impl Serializer for Probe {
    type Ok = bool;
    type Error = NotEmpty;
    type SerializeSeq = AllEmpty;
    type SerializeTuple = Impossible<bool, NotEmpty>;
    type SerializeTupleStruct = Impossible<bool, NotEmpty>;
    type SerializeTupleVariant = Impossible<bool, NotEmpty>;
    type SerializeMap = AllEmpty;
    type SerializeStruct = AllEmpty;
    type SerializeStructVariant = Impossible<bool, NotEmpty>;

    zero! {
        serialize_bool(bool) = false;
        serialize_i8(i8) = 0;
        serialize_i16(i16) = 0;
        serialize_i32(i32) = 0;
        serialize_i64(i64) = 0;
        serialize_u8(u8) = 0;
        serialize_u16(u16) = 0;
        serialize_u32(u32) = 0;
        serialize_u64(u64) = 0;
        serialize_f32(f32) = 0.0;
        serialize_f64(f64) = 0.0;
        serialize_str(&str) = "";
        serialize_bytes(&[u8]) = b"";
    }

    fn serialize_char(self, _: char) -> Result<bool, NotEmpty> {
        Ok(false)
    }

    fn serialize_none(self) -> Result<bool, NotEmpty> {
        Ok(true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<bool, NotEmpty> {
        Ok(false)
    }

    fn serialize_unit(self) -> Result<bool, NotEmpty> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, NotEmpty> {
        Ok(true)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<bool, NotEmpty> {
        Ok(false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<bool, NotEmpty> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<bool, NotEmpty> {
        Ok(false)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<AllEmpty, NotEmpty> {
        Ok(AllEmpty)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotEmpty> {
        Err(NotEmpty)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NotEmpty> {
        Err(NotEmpty)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotEmpty> {
        Err(NotEmpty)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<AllEmpty, NotEmpty> {
        Ok(AllEmpty)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<AllEmpty, NotEmpty> {
        Ok(AllEmpty)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotEmpty> {
        Err(NotEmpty)
    }
}

/// A list or map is empty when it has no element, a struct when all its fields are.
struct AllEmpty;

impl SerializeSeq for AllEmpty {
    type Ok = bool;
    type Error = NotEmpty;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), NotEmpty> {
        Err(NotEmpty)
    }

    fn end(self) -> Result<bool, NotEmpty> {
        Ok(true)
    }
}

impl SerializeMap for AllEmpty {
    type Ok = bool;
    type Error = NotEmpty;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), NotEmpty> {
        Err(NotEmpty)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), NotEmpty> {
        Err(NotEmpty)
    }

    fn end(self) -> Result<bool, NotEmpty> {
        Ok(true)
    }
}

impl SerializeStruct for AllEmpty {
    type Ok = bool;
    type Error = NotEmpty;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), NotEmpty> {
        if is_empty(value) { Ok(()) } else { Err(NotEmpty) }
    }

    fn end(self) -> Result<bool, NotEmpty> {
        Ok(true)
    }
}
