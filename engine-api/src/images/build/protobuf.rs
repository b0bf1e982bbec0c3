//! Protocol buffers: a parser of messages, and a writer of the few kinds of fields that this client
//! sends.

/// A field of a message: its number, and its value.
pub(super) type Field<'a> = (u64, Value<'a>);

/// The value of a field. Its meaning depends on the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Parses a message into fields. After an error the iterator ends.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            // Obsolete groups, and unknown types.
            _ => return None,
        };
        Some((key >> 3, value))
    }

    /// Seven bits a byte, the lowest first; the eighth bit marks that more bytes follow.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Malformed);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// A message that is being written. Empty values are omitted, as in proto3.
#[cfg(feature = "buildkit")]
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

#[cfg(feature = "buildkit")]
impl Message {
    /// Adds a number.
    pub(super) fn number(mut self, field: u64, value: u64) -> Self {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
        self
    }

    /// Adds bytes: a text, or another message.
    pub(super) fn bytes(self, field: u64, value: &[u8]) -> Self {
        match value.is_empty() {
            true => self,
            false => self.present(field, value),
        }
    }

    /// Adds bytes, also empty ones: an item of a list, or a message without values.
    pub(super) fn present(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_of_every_kind_are_taken_apart() {
        let message = b"\x08\x96\x01\x12\x02hi\x1d1234\x2112345678";
        let fields: Result<Vec<_>, _> = Fields::of(message).collect();
        let expected = vec![
            (1, Value::Number(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Bytes(b"1234")),
            (4, Value::Bytes(b"12345678")),
        ];
        assert_eq!(fields, Ok(expected));
    }

    #[test]
    fn truncated_and_unknown_fields_are_malformed() {
        for message in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x12\x05abc",
            b"\x1d123",
            b"\x0b",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ] {
            let mut fields = Fields::of(message);
            assert_eq!(fields.next(), Some(Err(Malformed)), "{message:?}");
            assert_eq!(fields.next(), None);
        }
    }

    #[cfg(feature = "buildkit")]
    #[test]
    fn empty_values_are_written_only_where_they_count() {
        let message = Message::default().number(1, 0).bytes(2, b"").present(3, b"");
        assert_eq!(message.into_bytes(), b"\x1a\0");
    }

    #[cfg(feature = "buildkit")]
    proptest! {
        #[test]
        fn what_is_written_is_read(field in 1_u64..1 << 29, number in 1_u64.., bytes in proptest::collection::vec(0_u8.., 1..300)) {
            let message = Message::default().number(field, number).bytes(field, &bytes).into_bytes();
            let read: Result<Vec<_>, _> = Fields::of(&message).collect();
            prop_assert_eq!(read, Ok(vec![(field, Value::Number(number)), (field, Value::Bytes(&bytes))]));
            for end in 1..message.len() {
                prop_assert!(Fields::of(&message[..end]).count() <= 2);
            }
        }
    }

    proptest! {
        #[test]
        fn fields_are_fewer_than_the_bytes(bytes: Vec<u8>) {
            prop_assert!(Fields::of(&bytes).count() <= bytes.len());
        }
    }
}
