//! JSON values one after the other: progress, events, statistics.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::source::Source;
#[cfg(feature = "buildkit")]
use crate::connect::BoxStream;
use crate::error::{Cause, Error, Result};
#[cfg(feature = "buildkit")]
use crate::reply_limits::ReplyLimits;
use crate::wire::call_context::CallContext;
use crate::wire::json;
use crate::wire::reply::Reply;
#[cfg(feature = "buildkit")]
use crate::wire::timer::Timer;

/// A value of a [`JsonLines`] stream.
pub trait StreamItem: DeserializeOwned + Send + 'static {
    /// The failure that this value reports, if the stream can report one: a message and a code.
    fn failure(&self) -> Option<(String, Option<i64>)> {
        None
    }
}

/// A stream of JSON values; a failure that the engine reports in it is its last item, as an error.
///
/// It accepts any pieces and any separators of values, and reads each byte once. A stream that ends
/// inside a value ends with an error ([`crate::ErrorKind::Truncated`]). Dropping it closes its
/// connection, which cancels the work of the engine (a pull, a build).
pub struct JsonLines<T> {
    source: Source,
    values: Values,
    context: CallContext,
    /// A value that is dropped when the stream has ended.
    held: Option<Box<dyn Send + Sync>>,
    item: PhantomData<fn() -> T>,
}

impl<T: StreamItem> JsonLines<T> {
    pub(crate) fn new(reply: Reply) -> Self {
        Self {
            source: Source::Body(Box::new(reply.body)),
            values: Values::up_to(reply.limits.json),
            context: reply.context,
            held: None,
            item: PhantomData,
        }
    }

    /// Values from a stream in this process.
    #[cfg(feature = "buildkit")]
    pub(crate) fn over(stream: BoxStream, context: CallContext, limits: ReplyLimits) -> Self {
        let (read, _write) = tokio::io::split(stream);
        let never = Timer::default;
        Self {
            source: Source::connection(read, Bytes::new(), never(), never()),
            values: Values::up_to(limits.json),
            context,
            held: None,
            item: PhantomData,
        }
    }

    /// Keeps a value until the stream has ended or is dropped.
    #[cfg(feature = "buildkit")]
    pub(crate) fn hold(mut self, value: impl Send + Sync + 'static) -> Self {
        self.held = Some(Box::new(value));
        self
    }

    /// The next value; `None` at the end. Cancel-safe: a dropped `next` loses nothing.
    pub async fn next(&mut self) -> Option<Result<T>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Reads to the end and returns the last value, if there was one.
    ///
    /// # Errors
    ///
    /// The failure that the engine reports in the stream, or the error that broke it.
    pub async fn last(mut self) -> Result<Option<T>> {
        let mut last = None;
        while let Some(item) = self.next().await {
            last = Some(item?);
        }
        Ok(last)
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        loop {
            match self.values.next() {
                Some(Ok(bytes)) => return Poll::Ready(Some(self.read(&bytes))),
                Some(Err(cause)) => return Poll::Ready(Some(Err(self.fail(cause)))),
                None => {}
            }
            match ready!(self.source.poll_next(cx)) {
                Some(Ok(piece)) => self.values.push(piece),
                Some(Err(cause)) => return Poll::Ready(Some(Err(self.fail(cause)))),
                None => {
                    self.held = None;
                    return Poll::Ready(match self.values.end() {
                        Some(Ok(bytes)) => Some(self.read(&bytes)),
                        Some(Err(cause)) => Some(Err(self.fail(cause))),
                        None => None,
                    });
                }
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<T> {
        let item: T = json::decode(bytes).map_err(|error| self.fail(Cause::Decode(error)))?;
        match item.failure() {
            Some((message, code)) => Err(self.fail(Cause::Stream { message, code })),
            None => Ok(item),
        }
    }

    /// After an error the stream ends.
    fn fail(&mut self, cause: Cause) -> Error {
        self.source = Source::Done;
        self.values = Values::up_to(0);
        self.held = None;
        self.context.error(cause)
    }
}

impl<T: StreamItem> Stream for JsonLines<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.get_mut().poll_item(cx)
    }
}

impl<T> fmt::Debug for JsonLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines")
            .field("of", &self.context)
            .finish_non_exhaustive()
    }
}

/// Splits bytes into JSON values. Each byte is read once, independent of the pieces.
#[derive(Debug)]
struct Values {
    /// The maximum size of a value in bytes.
    limit: usize,
    fresh: Bytes,
    /// The beginning of an incomplete value.
    carry: BytesMut,
    scan: Scan,
}

/// The kind of text that the scan is inside.
#[derive(Debug, Default, Clone, Copy)]
struct Scan {
    depth: usize,
    string: bool,
    escaped: bool,
    /// Inside a number or word at the top level, which only a separator ends.
    word: bool,
}

/// The separators of values: white space, and the record separator of `application/json-seq`.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e)
}

impl Values {
    fn up_to(limit: usize) -> Self {
        Self {
            limit,
            fresh: Bytes::new(),
            carry: BytesMut::new(),
            scan: Scan::default(),
        }
    }

    fn push(&mut self, bytes: Bytes) {
        self.fresh = bytes;
    }

    /// The next whole value; `None` when more bytes are needed.
    fn next(&mut self) -> Option<Result<Bytes, Cause>> {
        if self.carry.is_empty() && self.scan.is_between() {
            let blank = self.fresh.iter().take_while(|b| is_separator(**b)).count();
            bytes::Buf::advance(&mut self.fresh, blank);
        }
        if let Some(end) = self.scan.end_of_value(&self.fresh) {
            let value = self.take(end);
            return Some(match value.len() > self.limit {
                true => Err(Cause::long_json(self.limit)),
                false => Ok(value),
            });
        }
        self.carry.extend_from_slice(&self.fresh);
        self.push(Bytes::new());
        (self.carry.len() > self.limit).then(|| Err(Cause::long_json(self.limit)))
    }

    /// Called at the end of the bytes.
    fn end(&mut self) -> Option<Result<Bytes, Cause>> {
        let rest = std::mem::take(&mut self.carry).freeze();
        let scan = std::mem::take(&mut self.scan);
        if rest.iter().all(|b| is_separator(*b)) {
            return None;
        }
        if scan.word {
            return Some(Ok(rest));
        }
        let received = rest.len() as u64;
        Some(Err(Cause::Truncated {
            expected: received + 1,
            received,
            partial: rest,
        }))
    }

    fn take(&mut self, n: usize) -> Bytes {
        let end = self.fresh.split_to(n);
        if self.carry.is_empty() {
            return end;
        }
        self.carry.extend_from_slice(&end);
        self.carry.split().freeze()
    }
}

impl Scan {
    fn is_between(self) -> bool {
        self.depth == 0 && !self.string && !self.word
    }

    /// The end of the value that begins or continues in `bytes`; `None` if it continues after them.
    fn end_of_value(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.string {
                at += self.end_of_string(bytes.get(at..)?)?;
                if self.depth == 0 {
                    return Some(at);
                }
            } else if self.depth > 0 {
                let structural = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
                at += bytes[at..].iter().position(structural)?;
                match bytes[at] {
                    b'"' => self.string = true,
                    b'{' | b'[' => self.depth += 1,
                    _ => self.depth -= 1,
                }
                at += 1;
                if self.depth == 0 {
                    return Some(at);
                }
            } else {
                let byte = *bytes.get(at)?;
                let ends_word = is_separator(byte) || matches!(byte, b'{' | b'[' | b'"');
                if std::mem::replace(&mut self.word, false) && ends_word {
                    return Some(at);
                }
                at += 1;
                match byte {
                    b'"' => self.string = true,
                    b'{' | b'[' => self.depth = 1,
                    b'}' | b']' => return Some(at),
                    byte => self.word = !is_separator(byte),
                }
            }
        }
    }

    /// The length of the rest of a string with its closing quote; `None` if the quote has not
    /// arrived yet.
    fn end_of_string(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.escaped {
                bytes.get(at)?;
                self.escaped = false;
                at += 1;
            }
            at += json::plain(&bytes[at..]);
            match bytes.get(at)? {
                b'"' => self.string = false,
                b'\\' => self.escaped = true,
                // A control character, which the reader rejects.
                _ => {}
            }
            at += 1;
            if !self.string {
                return Some(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn run(bytes: &[u8], sizes: &[usize]) -> (Vec<Value>, Option<Cause>) {
        let (mut values, mut found) = (Values::up_to(usize::MAX), Vec::new());
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        loop {
            let n = (*sizes.next().unwrap()).min(rest.len());
            values.push(Bytes::copy_from_slice(&rest[..n]));
            rest = &rest[n..];
            while let Some(item) = values.next() {
                found.push(serde_json::from_slice(&item.unwrap()).unwrap());
            }
            if rest.is_empty() {
                break;
            }
        }
        match values.end() {
            Some(Ok(last)) => found.push(serde_json::from_slice(&last).unwrap()),
            Some(Err(cause)) => return (found, Some(cause)),
            None => {}
        }
        (found, None)
    }

    #[test]
    fn a_value_cut_at_any_byte_is_a_truncation() {
        let text = "{\"a\":\"}\\\"é\"}\r\n{\"b\":[1]}";
        for cut in 0..text.len() {
            let (values, cause) = run(&text.as_bytes()[..cut], &[3]);
            let clean = matches!(cut, 0) || (13..=15).contains(&cut);
            assert_eq!(cause.is_none(), clean, "cut at {cut}: {values:?} {cause:?}");
        }
    }

    #[test]
    fn texts_are_values_too() {
        let (values, cause) = run(br#""a\"b""c" {"d":"e"}"#, &[2]);
        assert!(cause.is_none());
        assert_eq!(
            values,
            [
                Value::from("a\"b"),
                Value::from("c"),
                serde_json::json!({"d": "e"})
            ]
        );
    }

    #[test]
    fn control_character_does_not_end_a_text() {
        let mut values = Values::up_to(usize::MAX);
        let text = "{\"a\":\"\u{1}}\"}";
        values.push(Bytes::from(format!("{text}{text}")));
        assert_eq!(values.next().unwrap().unwrap(), text);
        assert_eq!(values.next().unwrap().unwrap(), text);
    }

    proptest! {
        #[test]
        fn any_cut_and_any_separator_give_the_same_values(
            separator in prop::sample::select(vec!["\n", "\r\n", "", "\n\n \r\n", "\u{1e}"]),
            last in any::<bool>(),
            texts in prop::collection::vec(".{0,20}", 0..8),
            sizes in prop::collection::vec(1usize..9, 1..6),
        ) {
            let values: Vec<Value> = texts.iter().enumerate()
                .map(|(n, text)| serde_json::json!({ "n": n, text.as_str(): [text, { "x": null }] })).collect();
            let lines: Vec<String> = values.iter().map(Value::to_string).collect();
            let mut joined = lines.join(separator);
            if last { joined.push_str(separator); }
            let (found, cause) = run(joined.as_bytes(), &sizes);
            prop_assert!(cause.is_none());
            prop_assert_eq!(found, values);
        }

        #[test]
        fn numbers_and_words_end_at_a_separator(numbers in prop::collection::vec(any::<i32>(), 1..5), size in 1usize..4) {
            let text = numbers.iter().map(i32::to_string).collect::<Vec<_>>().join("\n");
            let (found, cause) = run(text.as_bytes(), &[size]);
            prop_assert!(cause.is_none());
            prop_assert_eq!(found, numbers.into_iter().map(Value::from).collect::<Vec<_>>());
        }
    }
}
