//! Texts of a caller in messages. The caller may have sent one of any length.

use std::borrow::Cow;

/// The longest name or value that a message repeats, in characters.
const LONGEST: usize = 64;

/// The longest path that a message repeats, in characters: no system has longer ones. No label for
/// people is longer than that, either.
const LONGEST_PATH: usize = 4096;

/// A name or a value for a message: its beginning, if it is long.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    beginning(text, LONGEST)
}

/// The same for a path, or a list of names.
pub(crate) fn short_path(path: &str) -> Cow<'_, str> {
    beginning(path, LONGEST_PATH)
}

fn beginning(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_long_is_cut_between_characters() {
        let exact = "é".repeat(LONGEST);
        assert_eq!(short(&exact), exact);
        assert_eq!(short(&format!("{exact}x")), format!("{exact}…"));
        assert_eq!(short(""), "");
        let path = "/".repeat(LONGEST_PATH + 1);
        assert_eq!(short_path(&path[1..]), path[1..]);
        assert_eq!(short_path(&path).chars().count(), LONGEST_PATH + 1);
    }
}
