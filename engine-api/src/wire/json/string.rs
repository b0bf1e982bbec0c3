//! Strings as JSON writes them.

use super::read_error::{Read, ReadError};

/// The number of bytes before the first quote, backslash or control character.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    // Eight bytes at a time: the subtraction sets the highest bit of a byte of a word if the byte
    // is one of these, and not for an earlier byte.
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * u64::from(b'"'));
        let quote = quote.wrapping_sub(ONES) & !quote;
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let backslash = backslash.wrapping_sub(ONES) & !backslash;
        let found = (control | quote | backslash) & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
    let rest = &bytes[at..];
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Appends the string at the start of `text`, which begins after the opening quote, in unescaped
/// form; returns its length including the closing quote.
pub(super) fn unescape(text: &str, out: &mut String) -> Read<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let end = at + plain(&bytes[at..]);
        out.push_str(&text[at..end]);
        at = end + 1;
        match bytes.get(end) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => at += escape(&bytes[at..], out)?,
            Some(_) => {
                let reason = "control character (\\u0000-\\u001F) found while parsing a string";
                return Err(ReadError::new(reason));
            }
            None => return Err(ReadError::new("EOF while parsing a string")),
        }
    }
}

/// Appends the character of an escape; returns the length of the escape after its backslash.
fn escape(bytes: &[u8], out: &mut String) -> Read<usize> {
    let character = match bytes.first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'u') => return unicode(&bytes[1..], out).map(|length| length + 1),
        _ => return Err(ReadError::new("invalid escape")),
    };
    out.push(character);
    Ok(1)
}

/// Appends the character of one `\u` escape, or of the two escapes of a surrogate pair.
fn unicode(bytes: &[u8], out: &mut String) -> Read<usize> {
    let invalid = || ReadError::new("invalid unicode code point");
    let first = hex(bytes).ok_or_else(invalid)?;
    if let Some(character) = char::from_u32(first) {
        out.push(character);
        return Ok(4);
    }
    let second = match bytes.get(4..6) {
        Some(b"\\u") => hex(&bytes[6..]),
        _ => None,
    };
    let character = match second {
        Some(second @ 0xdc00..=0xdfff) if first < 0xdc00 => {
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        }
        _ => None,
    };
    out.push(character.ok_or_else(|| ReadError::new("lone surrogate in hex escape"))?);
    Ok(10)
}

fn hex(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0, |code, digit| {
        Some(code << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    loop {
        let (part, end) = rest.split_at(plain(rest));
        out.extend_from_slice(part);
        let [special, after @ ..] = end else { break };
        rest = after;
        let escape = match special {
            b'\n' => b'n',
            b'\t' => b't',
            b'\r' => b'r',
            0x8 => b'b',
            0xc => b'f',
            b'"' | b'\\' => *special,
            control => {
                out.extend_from_slice(format!("\\u{control:04x}").as_bytes());
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escape]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        let mut out = String::new();
        let length = unescape(text.strip_prefix('"')?, &mut out).ok()?;
        (length == text.len() - 1).then_some(out)
    }

    #[test]
    fn surrogates_are_read_in_pairs() {
        assert_eq!(read(r#""\ud83d\ude00\u00e9""#).as_deref(), Some("😀é"));
        for bad in [
            r#""\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\u0041""#,
            r#""\u12""#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn control_characters_have_their_short_escapes() {
        let mut quoted = Vec::new();
        quote("\u{8}\u{c}\n\r\t\"\\\u{1}", &mut quoted);
        assert_eq!(quoted, br#""\b\f\n\r\t\"\\\u0001""#);
    }

    proptest! {
        #[test]
        fn strings_are_quoted_and_read_as_serde_json_does(text in "([ -~]|\\PC|[\u{0}-\u{1f}\"\\\\\u{7f}]){0,40}") {
            let mut quoted = Vec::new();
            quote(&text, &mut quoted);
            let quoted = String::from_utf8(quoted).unwrap();
            prop_assert_eq!(&quoted, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(read(&quoted), Some(text));
        }

        #[test]
        fn any_text_is_a_string_exactly_if_json_has_it(inside in "(\\\\[bfnrtu\"/x\\\\]|[0-9a-f]{4}|.|\\\\ud[89a-f]00){0,12}") {
            let text = format!("\"{inside}\"");
            prop_assert_eq!(read(&text), serde_json::from_str(&text).ok());
        }

        #[test]
        fn plain_bytes_end_at_the_first_special_one(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let special = bytes.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(plain(&bytes), special.unwrap_or(bytes.len()));
        }
    }
}
