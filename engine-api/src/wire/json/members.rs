//! Skips values, and reads values member by member, without a type.
//!
//! Every program negotiates a version and reads the messages of errors. This needs only a few
//! fields, and derived deserializers would increase the size of the smallest programs by a tenth.
//! Unknown fields of types are also skipped here.

use std::borrow::Cow;

use super::number::Number;
use super::read_error::{Read, ReadError};
use super::reader::Reader;

impl<'de> Reader<'de> {
    /// Skips the next value.
    pub(crate) fn skip(&mut self) -> Read<()> {
        match self.value()? {
            b'"' => self.string().map(|_text| ()),
            b'{' => self.members(&mut |_key, reader| reader.skip()),
            b'[' => self.elements(&mut Self::skip),
            b'n' => self.word("null"),
            b't' | b'f' => self.boolean().map(|_on| ()),
            _ => self.pass(Number::length),
        }
    }

    /// Reads an object; `member` reads or skips the value of each key. `null` has no members.
    pub(crate) fn members(&mut self, member: &mut dyn FnMut(&str, &mut Self) -> Read<()>) -> Read<()> {
        self.each(b'{', b'}', "expected an object", &mut |reader| {
            let key = match reader.byte() {
                Some(b'"') => reader.owned()?,
                _ => return Err(ReadError::new("key must be a string")),
            };
            reader.expect(b':')?;
            member(&key, reader)
        })
    }

    /// Reads a list; `element` reads or skips each element. `null` has no elements.
    pub(crate) fn elements(&mut self, element: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.each(b'[', b']', "expected a list", element)
    }

    /// Reads a string; `null` is an empty one.
    pub(crate) fn string_or_null(&mut self) -> Read<Cow<'de, str>> {
        match self.value()? {
            b'"' => self.owned(),
            b'n' => self.word("null").map(|()| "".into()),
            _ => Err(ReadError::new("expected a string")),
        }
    }

    /// The next string; a copy if it contains escapes.
    fn owned(&mut self) -> Read<Cow<'de, str>> {
        let text = self.string()?;
        Ok(text.map_or_else(|| self.unescaped.clone().into(), Cow::Borrowed))
    }

    fn each(
        &mut self,
        open: u8,
        close: u8,
        expected: &'static str,
        item: &mut dyn FnMut(&mut Self) -> Read<()>,
    ) -> Read<()> {
        if self.null()? {
            return Ok(());
        }
        if self.value()? != open {
            return Err(ReadError::new(expected));
        }
        self.enter()?;
        if self.byte() != Some(close) {
            item(self)?;
            while self.byte() != Some(close) {
                self.expect(b',')?;
                item(self)?;
            }
        }
        self.expect(close)?;
        self.leave();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn skipped(text: &str) -> Option<usize> {
        let mut reader = Reader::new(text);
        reader.skip().ok()?;
        reader.end().ok().map(|()| reader.at)
    }

    #[test]
    fn members_are_read_in_any_order_and_depth() {
        let text = r#" {"a\n":{"x":[1,"}"]},"b":null,"c":["1","\u0032",null],"b":"last"} "#;
        let (mut b, mut c) = (String::new(), Vec::new());
        let mut reader = Reader::new(text);
        reader
            .members(&mut |key, reader| match key {
                "b" => reader.string_or_null().map(|text| b = text.into()),
                "c" => reader.elements(&mut |reader| reader.string_or_null().map(|text| c.push(text))),
                key => {
                    assert_eq!(key, "a\n");
                    reader.skip()
                }
            })
            .unwrap();
        reader.end().unwrap();
        assert_eq!(b, "last");
        assert_eq!(c, ["1", "2", ""]);
    }

    #[test]
    fn a_value_that_is_not_json_is_not_skipped() {
        for text in [
            "",
            "{",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{1:2}",
            "[1 2]",
            "01",
            "1.",
            "-",
            "tru",
            "nul",
            "x",
        ] {
            assert_eq!(skipped(text), None, "{text}");
        }
        assert_eq!(skipped(&"[".repeat(100_000)), None);
        assert_eq!(
            skipped(&format!("{}{}", "[".repeat(128), "]".repeat(128))),
            Some(256)
        );
    }

    proptest! {
        #[test]
        fn what_serde_json_ignores_is_skipped(text in "[\\[{]{0,2}(\"[a-b\\\\n]{0,2}\"|-?[0-9.e]{1,4}|null|true|[,:\\]} ]){0,8}[\\]}]{0,2}") {
            let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(skipped(&text).is_some(), theirs, "{}", text);
        }
    }
}
