//! Text that other programs wrote, made safe for a terminal.
//!
//! A name, a label, an error or a recording can contain control characters. A terminal would
//! execute them: it would clear the screen, change its title, or show words that are not in the
//! text. This module replaces each by its code, `\x1b`. In JSON the code is `\u001b`, which keeps
//! the value.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes a text of several lines; newlines and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escaped(text, |c, next| {
        matches!((c, next), ('\n' | '\t', _) | ('\r', Some('\n')))
    })
}

/// Escapes a value that is shown within a line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_, _| false)
}

/// Escapes a JSON text of one line. JSON escapes few of these characters itself, and the others
/// occur only within its strings.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unsafe(c) {
            // Writing to a string cannot fail. All of these characters have four digits.
            true => drop(write!(safe, "\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    safe.into()
}

/// A word of a command line, quoted for a shell if it must be.
pub(crate) fn word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', "'\\''")).into(),
    }
}

fn escaped(text: &str, stays: impl Fn(char, Option<char>) -> bool) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if !is_unsafe(c) || stays(c, rest.clone().next()) {
            safe.push(c);
        } else {
            safe.push_str(&code(c));
        }
    }
    safe.into()
}

fn code(c: char) -> String {
    match c {
        '\n' | '\r' | '\t' => c.escape_default().to_string(),
        '\0'..='\u{ff}' => format!("\\x{:02x}", u32::from(c)),
        _ => format!("\\u{{{:x}}}", u32::from(c)),
    }
}

/// Whether a terminal executes the character or shows something else: control characters (C0, DEL,
/// C1), the marks that change the direction of the text, and two additional line ends.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes bytes that arrive in pieces. A piece can end within a character.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// The start of a character, or of a line end.
    rest: Vec<u8>,
}

impl Pieces {
    /// Escapes a piece, together with the rest of the piece before it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(piece);
        self.rest = bytes.split_off(bytes.len() - unfinished(&bytes));
        escaped_bytes(&bytes)
    }

    /// Escapes the rest, after the last piece.
    pub(crate) fn finish(self) -> String {
        escaped_bytes(&self.rest)
    }
}

fn escaped_bytes(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        safe.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

/// The length of an incomplete character or `\r` at the end, which the next piece can complete.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r") {
        return 1;
    }
    let end = bytes
        .utf8_chunks()
        .last()
        .map_or(&[][..], |chunk| chunk.invalid());
    match std::str::from_utf8(end) {
        Err(error) if error.error_len().is_none() => end.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let quoted = ["--name=a", "", "it's", "a b"].map(word);
        assert_eq!(quoted, ["--name=a", "''", "'it'\\''s'", "'a b'"]);
    }

    #[test]
    fn control_characters_are_shown_by_their_code() {
        for (unsafe_text, safe) in [
            ("\x1b[31mred", "\\x1b[31mred"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("a\x08b\x7f\0", "a\\x08b\\x7f\\x00"),
            ("\u{9b}2J", "\\x9b2J"),
            ("gnp\u{202e}exe.", "gnp\\u{202e}exe."),
            (
                "\u{2066}x\u{2069}\u{200f}\u{61c}\u{2028}",
                "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}\\u{2028}",
            ),
            ("over\rwritten", "over\\rwritten"),
        ] {
            assert_eq!(text(unsafe_text), safe);
            assert_eq!(line(unsafe_text), safe);
        }
    }

    #[test]
    fn lines_stay_in_a_text_but_not_in_a_value() {
        assert_eq!(text("a\tb\r\nc\n"), "a\tb\r\nc\n");
        assert_eq!(line("a\tb\r\nc\n"), "a\\tb\\r\\nc\\n");
        assert_eq!(line("é 漢 👩‍👩‍👧"), "é 漢 👩‍👩‍👧");
    }

    #[test]
    fn json_keeps_its_values() {
        let value = serde_json::json!({ "a\u{9b}": "\x1b\u{7f}\u{85}\u{202e}é\n\\" });
        let text = value.to_string();
        assert!(text.contains(is_unsafe));
        let safe = json(&text);
        assert!(!safe.contains(is_unsafe), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn pieces_end_anywhere() {
        let bytes = "é\u{1b}[1m\u{9b}漢\r\nx\ry\u{202e}👩".as_bytes();
        let bytes = [bytes, b"\xff\xe6\xbc", b"\xff\xc3"].concat();
        let whole = escaped_bytes(&bytes);
        assert_eq!(
            whole,
            "é\\x1b[1m\\x9b漢\r\nx\\ry\\u{202e}👩\\xff\\xe6\\xbc\\xff\\xc3"
        );
        for size in 1..bytes.len() {
            let mut pieces = Pieces::default();
            let mut all: String = bytes.chunks(size).map(|piece| pieces.push(piece)).collect();
            assert!(pieces.rest.len() < 4);
            all.push_str(&pieces.finish());
            assert_eq!(all, whole, "{size}");
        }
    }
}
