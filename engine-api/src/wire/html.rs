//! HTML instead of a reply: a proxy or another program has sent it.

/// The maximum number of characters of a page that are shown.
const SHOWN: usize = 120;

/// Elements whose content is not text of the page.
const HIDDEN: [&str; 3] = ["script", "style", "title"];

/// Whether a body is an HTML page, by its content type or its first bytes.
pub(super) fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let named =
        content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with("text/html"));
    let body = body.trim_ascii_start();
    let begins = |tag: &str| {
        let start = body.get(..tag.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    named || begins("<!doctype html") || begins("<html")
}

/// The first words of a page, without tags; empty if it has no text. Control characters are left
/// out.
pub(super) fn first_words(page: &[u8]) -> String {
    let page = String::from_utf8_lossy(page);
    let mut words = String::new();
    let mut rest = &*page;
    while let Some((text, tagged)) = rest.split_once('<') {
        push_words(&mut words, text);
        rest = after_tag(tagged);
    }
    push_words(&mut words, rest);
    match words.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The text after a tag. `tagged` begins with the name of the tag. The content of a hidden element
/// is skipped.
fn after_tag(tagged: &str) -> &str {
    let hidden = HIDDEN.iter().find(|name| {
        let start = tagged.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    });
    let end = |text: &str| text.find('>').map_or(text.len(), |at| at + 1);
    let Some(name) = hidden else {
        return &tagged[end(tagged)..];
    };
    let closing = tagged.match_indices("</").find(|(at, _)| {
        let named = tagged.get(at + 2..at + 2 + name.len());
        named.is_some_and(|named| named.eq_ignore_ascii_case(name))
    });
    let rest = closing.map_or("", |(at, _)| &tagged[at..]);
    &rest[end(rest)..]
}

/// Adds the words of a text, with one space between two.
fn push_words(words: &mut String, text: &str) {
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().filter(|c| !c.is_control()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_type_or_its_start() {
        assert!(is_html(Some("text/html; charset=utf-8"), b""));
        assert!(is_html(None, b"\r\n<!DOCTYPE HTML><p>"));
        assert!(is_html(Some("text/plain"), b"<html>"));
        for text in ["", "{\"message\":\"<html>\"}", "bad <thing>", "<htm"] {
            assert!(!is_html(Some("application/json"), text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn first_words_have_no_tags() {
        for (page, words) in [
            ("", ""),
            (
                "<html><body><h1>403 Forbidden</h1>\nNo.\n</body></html>",
                "403 Forbidden No.",
            ),
            (
                "<head><title>x</title><STYLE>p {}</style></head><p>a\x1b[1m<br/>b",
                "a[1m b",
            ),
            ("<script>if (a < b) {}</script>text", "text"),
            ("<script>never closed", ""),
            ("text <unfinished", "text"),
            ("é<é>é<", "é é"),
        ] {
            assert_eq!(first_words(page.as_bytes()), words, "{page}");
        }
        let long = first_words("word ".repeat(1000).as_bytes());
        assert!(long.chars().count() == SHOWN + 1 && long.ends_with('…'), "{long}");
    }
}
