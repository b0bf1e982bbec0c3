//! Files of variables in the syntax of docker compose: `.env`, and `env_file` of a service.

use std::collections::BTreeMap;
use std::path::Path;

use super::file;
use super::interpolate::{Known, LONGEST, interpolate_with};
use crate::error::{Error, Result};

/// Reads a file of variables. A name without a value takes it from `known`.
pub(super) fn read(path: &Path, known: &Known) -> Result<BTreeMap<String, String>> {
    let text = file::read(path)?;
    parse(&text, known).map_err(|(line, why)| {
        let place = format!("{}, line {line}", path.display());
        Error::invalid(why).during("read the variables", &place)
    })
}

/// The error is a line and a reason without values.
fn parse(text: &str, known: &Known) -> std::result::Result<BTreeMap<String, String>, (usize, String)> {
    let (mut variables, mut length) = (BTreeMap::new(), 0);
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let failed = |why: String| (at + 1, why);
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else {
            let name = line.trim_end();
            check(name).map_err(failed)?;
            if let Some(value) = known.get(name) {
                variables.insert(name.to_owned(), value.clone());
            }
            continue;
        };
        let name = name.trim_end();
        check(name).map_err(failed)?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let mut value = value.to_owned();
        if let Some(quote) = quote {
            // A quoted value may have several lines.
            while end_of_quotes(&value, quote).is_none() {
                let Some((_, more)) = lines.next() else {
                    return Err(failed(format!("the value of {name} has no closing quote")));
                };
                value.push('\n');
                value.push_str(more);
            }
        }
        // Earlier variables of the file count.
        let value = unquoted(&value, quote, &[known, &variables]);
        let value = value.map_err(|why| failed(format!("{name}: {why}")))?;
        length += value.len();
        if length > LONGEST {
            return Err(failed(format!(
                "{name}: all values together are longer than 1 MiB"
            )));
        }
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

fn check(name: &str) -> std::result::Result<(), String> {
    let valid = |c: char| c == '_' || c == '.' || c == '-' || c.is_ascii_alphanumeric();
    match !name.is_empty() && name.chars().all(valid) {
        true => Ok(()),
        false => Err("the line is not NAME=value".to_owned()),
    }
}

/// The position of the closing quote.
fn end_of_quotes(value: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in value.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unquoted(value: &str, quote: Option<char>, known: &[&Known]) -> std::result::Result<String, String> {
    let Some(quote) = quote else {
        // A comment begins after a space.
        let end = value.find(" #").or_else(|| value.starts_with('#').then_some(0));
        return interpolate_with(value[..end.unwrap_or(value.len())].trim_end(), known);
    };
    let end = end_of_quotes(value, quote).ok_or("the value has no closing quote")?;
    let after = value[end + 1..].trim_start();
    if !after.is_empty() && !after.starts_with('#') {
        return Err("text follows the closing quote".to_owned());
    }
    let inside = &value[1..end];
    match quote {
        '\'' => Ok(inside.to_owned()),
        _ => interpolate_with(&unescaped(inside), known),
    }
}

fn unescaped(text: &str) -> String {
    let (mut result, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => result.push('\n'),
                Some('r') => result.push('\r'),
                Some('t') => result.push('\t'),
                Some('$') => result.push_str("$$"),
                Some(other @ ('"' | '\\')) => result.push(other),
                other => result.extend(Some('\\').into_iter().chain(other)),
            },
            (c, false) => result.push(c),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_variables_is_read_as_compose_does() {
        let known = [("OUT".to_owned(), "side".to_owned())].into();
        let text = "# comment\n\nA=1\nexport B = two words # comment\nC='$A # raw'\nD=\"x\\ty ${A} \\$\" # c\n\
                    E=a#b\nF=\nOUT\nGONE\nG=$OUT-$A\nH=\"two\nlines\"\nI.j-k=1\r\n";
        let read = parse(text, &known).unwrap();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "$A # raw"),
            ("D", "x\ty 1 $"),
            ("E", "a#b"),
            ("F", ""),
            ("G", "side-1"),
            ("H", "two\nlines"),
            ("I.j-k", "1"),
            ("OUT", "side"),
        ];
        let expected: BTreeMap<String, String> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(read, expected);
        let escapes = r#"A="a\nb\rc\\d\"e\zf""#;
        let read = parse(escapes, &Known::new()).unwrap();
        assert_eq!(read["A"], "a\nb\rc\\d\"e\\zf");
    }

    #[test]
    fn variables_that_double_are_limited() {
        let mut text = "A0=0123456789\n".to_owned();
        for n in 1..64 {
            text += &format!("A{n}=$A{0}$A{0}\n", n - 1);
        }
        let (_, why) = parse(&text, &Known::new()).unwrap_err();
        assert!(why.contains("1 MiB"), "{why}");
    }

    #[test]
    fn invalid_line_is_named_without_its_value() {
        for (text, line, part) in [
            ("A=1\nhunter2 x\n", 2, "NAME=value"),
            ("=hunter2", 1, "NAME=value"),
            ("A=\"hunter2", 1, "closing quote"),
            ("A='x' hunter2", 1, "follows"),
            ("A=${hunter2", 1, "no }"),
        ] {
            let (at, why) = parse(text, &Known::new()).unwrap_err();
            assert!(
                at == line && why.contains(part) && !why.contains("hunter2"),
                "{text}: {why}"
            );
        }
    }
}
