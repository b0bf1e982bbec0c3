//! Splits a command into words, like docker compose.

/// The words of a command. Quotes and backslashes have the same meaning as in a shell; other
/// characters have no special meaning.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a quote is not closed"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a quote is not closed"),
                        },
                        Some(c) => word.push(c),
                        None => return Err("a quote is not closed"),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("a backslash at the end escapes nothing"),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn command_is_split_into_words() {
        for (text, words) in [
            ("", &[][..]),
            ("a  b\tc\n", &["a", "b", "c"]),
            (
                r#"sh -c 'echo "x  y"; exit'"#,
                &["sh", "-c", r#"echo "x  y"; exit"#],
            ),
            (r#"a"b c"d '' "#, &["ab cd", ""]),
            (r#""a\"b\n" c\ d"#, &[r#"a"b\n"#, "c d"]),
            ("a && $B | c", &["a", "&&", "$B", "|", "c"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for text in ["'a", "\"a", "a\\", "\"a\\"] {
            split(text).unwrap_err();
        }
    }
}
