//! A reader of JSON that accepts the variants of values that engines write.
//!
//! * `null` is the empty value of any type except `Option`: `""` for a string, an empty list for
//!   a list.
//! * A whole number may have a fraction or an exponent: `1.0e9` is an integer.
//! * A struct is an object. Serde would also accept an array with the fields by position, and
//!   would read wrong values from a reply of another shape.
//!
//! It is a concrete deserializer (`deserializer`), and not an adaptor around that of serde_json:
//! each adaptor would be compiled for every type that is read. This code is compiled once.

use serde::de::{Error, Expected, Unexpected};

use super::number::Number;
use super::read_error::{Read, ReadError};
use super::string::{plain, unescape};

/// The maximum nesting of values.
pub(super) const MOST_DEPTH: u8 = 128;

/// The maximum memory of the elements of all lists and maps, in bytes per byte of the text. In a
/// usual reply, they take less memory than the text. An element as short as `{}` can become a
/// struct of hundreds of bytes, so a hostile text could fill the memory.
const MOST_MEMORY: usize = 16;

/// The memory that a short text may always take.
const FREE_MEMORY: usize = 1 << 20;

/// A JSON text, and the position of the reader. After an error, `at` is the position of the error.
pub(crate) struct Reader<'de> {
    text: &'de str,
    pub(super) at: usize,
    /// The number of levels that may still be opened.
    room: u8,
    /// The number of bytes that the elements of lists and maps may still take.
    memory: usize,
    /// Whether the next object is a struct, whose fields are part of its own memory.
    pub(super) opens_struct: bool,
    /// The last string with escapes, after unescaping.
    pub(super) unescaped: String,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            room: MOST_DEPTH,
            memory: text.len().saturating_mul(MOST_MEMORY).saturating_add(FREE_MEMORY),
            opens_struct: false,
            unescaped: String::new(),
        }
    }

    /// Checks that nothing but white space follows.
    pub(super) fn end(&mut self) -> Read<()> {
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(ReadError::new("trailing characters")),
        }
    }

    /// The next byte that is not white space. It is not consumed.
    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
        None
    }

    /// The first byte of a value. It is not consumed.
    pub(super) fn value(&mut self) -> Read<u8> {
        self.byte()
            .ok_or_else(|| ReadError::new("EOF while parsing a value"))
    }

    /// Consumes `byte`, which must be next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Read<()> {
        match self.byte() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(ReadError::new(format!("expected `{}`", char::from(byte)))),
            None => Err(ReadError::new("EOF while parsing an object or a list")),
        }
    }

    pub(super) fn word(&mut self, word: &str) -> Read<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(ReadError::new(format!("expected `{word}`")));
        }
        self.at += word.len();
        Ok(())
    }

    /// Consumes a `null`, if it is next.
    pub(super) fn null(&mut self) -> Read<bool> {
        let null = self.value()? == b'n';
        if null {
            self.word("null")?;
        }
        Ok(null)
    }

    /// Counts an element of a list or a map that takes this much memory.
    pub(super) fn count(&mut self, size: usize) -> Read<()> {
        match self.memory.checked_sub(size) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(ReadError::new(format!(
                "the values take more than {MOST_MEMORY} times the memory of the text"
            ))),
        }
    }

    /// Consumes the bracket that opens a list or an object.
    pub(super) fn enter(&mut self) -> Read<()> {
        self.room = match self.room.checked_sub(1) {
            Some(room) => room,
            None => return Err(ReadError::new("recursion limit exceeded")),
        };
        self.at += 1;
        Ok(())
    }

    /// Leaves the level that [`Reader::enter`] has entered.
    pub(super) fn leave(&mut self) {
        self.room += 1;
    }

    /// Enters a key that is a number or a boolean in quotes.
    pub(super) fn open_quoted(&mut self, expected: &dyn Expected) -> Read<()> {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// The error for the next value, which has another type.
    pub(super) fn unexpected(&mut self, expected: &dyn Expected) -> ReadError {
        let start = self.at;
        let error = self.found(expected).unwrap_or_else(|error| error);
        self.at = start;
        error
    }

    fn found(&mut self, expected: &dyn Expected) -> Read<ReadError> {
        let error = |found: Unexpected<'_>| Error::invalid_type(found, expected);
        Ok(match self.value()? {
            b'"' => {
                let text = self.string()?;
                error(Unexpected::Str(text.unwrap_or(&self.unescaped)))
            }
            b'[' => error(Unexpected::Seq),
            b'{' => error(Unexpected::Map),
            b'n' => error(Unexpected::Unit),
            b't' | b'f' => error(Unexpected::Bool(self.boolean()?)),
            _ => match self.number()? {
                Number::Positive(number) => error(Unexpected::Unsigned(number)),
                Number::Negative(number) => error(Unexpected::Signed(number)),
                Number::Float(number) => error(Unexpected::Float(number)),
            },
        })
    }

    pub(super) fn boolean(&mut self) -> Read<bool> {
        let on = self.value()? == b't';
        self.word(if on { "true" } else { "false" })?;
        Ok(on)
    }

    /// The next string; `None` if it contains escapes, and is then in `unescaped`.
    pub(super) fn string(&mut self) -> Read<Option<&'de str>> {
        self.at += 1;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = plain(rest.as_bytes());
        if rest.as_bytes().get(end) == Some(&b'"') {
            self.at += end + 1;
            return Ok(rest.get(..end));
        }
        self.unescaped.clear();
        let length = unescape(rest, &mut self.unescaped);
        self.at += length?;
        Ok(None)
    }

    /// A string, or `""` for `null`; `None` as in [`Reader::string`].
    pub(super) fn text(&mut self, expected: &dyn Expected) -> Read<Option<&'de str>> {
        match self.value()? {
            b'"' => self.string(),
            b'n' => self.word("null").map(|()| Some("")),
            _ => Err(self.unexpected(expected)),
        }
    }

    pub(super) fn number(&mut self) -> Read<Number> {
        let (number, length) = Number::parse(&self.text[self.at..])?;
        self.at += length;
        Ok(number)
    }

    /// Consumes the text that `length` recognises at the current position.
    pub(super) fn pass(&mut self, length: fn(&str) -> Read<usize>) -> Read<()> {
        self.at += length(&self.text[self.at..])?;
        Ok(())
    }

    /// A number, or zero for `null`.
    pub(super) fn number_or_null(&mut self, expected: &dyn Expected) -> Read<Number> {
        match self.value()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.word("null").map(|()| Number::Positive(0)),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// A whole number, or zero for `null`.
    pub(super) fn integer(&mut self, expected: &dyn Expected) -> Read<Number> {
        self.number_or_null(expected).map(Number::whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_the_value_that_was_found() {
        let found = |text: &str| Reader::new(text).unexpected(&"a test").to_string();
        for (text, expected) in [
            ("null", "invalid type: unit value, expected a test"),
            (" [", "invalid type: sequence, expected a test"),
            ("{", "invalid type: map, expected a test"),
            ("true", "invalid type: boolean `true`, expected a test"),
            (r#""a\n""#, r#"invalid type: string "a\n", expected a test"#),
            ("-1", "invalid type: integer `-1`, expected a test"),
            ("1.5", "invalid type: floating point `1.5`, expected a test"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
        // The unreadable part is the error.
        for text in ["", "\"a", "truth", "1e"] {
            assert!(!found(text).contains("invalid type"), "{text}");
        }
    }
}
