//! Replaces variables in texts, like docker compose.

use std::collections::{BTreeMap, BTreeSet};

/// The deepest nesting of a default in a default.
const DEEPEST: u8 = 16;

/// The longest text, in bytes: variables of variables grow exponentially.
pub(super) const LONGEST: usize = 1 << 20;

/// The variables of a file: those of the caller, and those of `.env`.
pub(super) type Known = BTreeMap<String, String>;

/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`,
/// `${NAME+other}`, `${NAME:?error}` and `${NAME?error}`; `$$` is a dollar sign. A missing variable
/// is empty, and its name is added to `unset`. The error contains no value of a variable.
pub(super) fn interpolate(text: &str, known: &Known, unset: &mut BTreeSet<String>) -> Result<String, String> {
    expand(text, &[known], 0, unset)
}

/// Like [`interpolate`], with the variables of several maps: the first map that contains a name
/// counts.
pub(super) fn interpolate_with(text: &str, known: &[&Known]) -> Result<String, String> {
    expand(text, known, 0, &mut BTreeSet::new())
}

fn find<'k>(known: &[&'k Known], name: &str) -> Option<&'k String> {
    known.iter().find_map(|variables| variables.get(name))
}

fn push(result: &mut String, value: &str) -> Result<(), String> {
    if result.len() + value.len() > LONGEST {
        return Err("the text with its variables is longer than 1 MiB".to_owned());
    }
    result.push_str(value);
    Ok(())
}

fn expand(text: &str, known: &[&Known], depth: u8, unset: &mut BTreeSet<String>) -> Result<String, String> {
    if depth > DEEPEST {
        return Err("defaults of variables are nested too deeply".to_owned());
    }
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match after.chars().next() {
            Some('$') => {
                result.push('$');
                &after[1..]
            }
            Some('{') => {
                let end = end_of_braces(&after[1..]).ok_or("a variable begins with ${ and has no }")?;
                push(&mut result, &braces(&after[1..=end], known, depth, unset)?)?;
                &after[end + 2..]
            }
            Some(first) if first == '_' || first.is_ascii_alphabetic() => {
                let (name, others) = after.split_at(end_of_name(after));
                push(&mut result, &value_of(known, name, unset))?;
                others
            }
            _ => return Err("a single $ names no variable; write $$ for a dollar sign".to_owned()),
        };
    }
    result.push_str(rest);
    Ok(result)
}

fn end_of_name(text: &str) -> usize {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The position of the closing brace. The text begins after the opening brace.
fn end_of_braces(text: &str) -> Option<usize> {
    let mut open = 1;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// The value of a variable without a default.
fn value_of(known: &[&Known], name: &str, unset: &mut BTreeSet<String>) -> String {
    let value = find(known, name).cloned();
    value.unwrap_or_else(|| {
        unset.insert(name.to_owned());
        String::new()
    })
}

fn braces(inside: &str, known: &[&Known], depth: u8, unset: &mut BTreeSet<String>) -> Result<String, String> {
    let (name, form) = inside.split_at(end_of_name(inside));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("${…} names no variable; write ${NAME}".to_owned());
    }
    let (empty_counts, operator) = match form.strip_prefix(':') {
        Some(operator) => (false, operator),
        None => (true, form),
    };
    let value = find(known, name).filter(|value| empty_counts || !value.is_empty());
    let other = operator.get(1..).unwrap_or_default();
    match operator.chars().next() {
        None if form.is_empty() => Ok(value_of(known, name, unset)),
        Some('-') => match value {
            Some(value) => Ok(value.clone()),
            None => expand(other, known, depth + 1, unset),
        },
        Some('+') => match value {
            Some(_) => expand(other, known, depth + 1, unset),
            None => Ok(String::new()),
        },
        Some('?') => match value {
            Some(value) => Ok(value.clone()),
            None => {
                let why = if other.is_empty() { "set it" } else { other };
                Err(format!("the variable {name} is not set: {why}"))
            }
        },
        _ => Err(format!(
            "the variable {name} is followed by an unknown operator; use :- - :+ + :? or ?"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        [("A", "1"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_replaced_as_compose_does() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$A-$A.x", "1-1.x"),
            ("${A}b", "1b"),
            ("$$A", "$A"),
            ("$MISSING!", "!"),
            ("${MISSING}", ""),
            ("${MISSING:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:-d}", "1"),
            ("${A:+o}${EMPTY:+o}${EMPTY+o}${MISSING+o}", "oo"),
            ("${MISSING:-${A}x}y", "1xy"),
            ("${MISSING:-${ALSO:-{}}}", "{}"),
            ("${A:?no}", "1"),
            ("${MISSING:-a:b/c}", "a:b/c"),
            ("ä${A}ö", "ä1ö"),
        ] {
            let replaced = interpolate(text, &known(), &mut BTreeSet::new());
            assert_eq!(replaced.as_deref(), Ok(expected), "{text}");
        }
        let mut unset = BTreeSet::new();
        let text = "$B ${C} ${D:-$E} ${F-} ${G:+x} $A $EMPTY ${EMPTY:-} ${B}";
        interpolate(text, &known(), &mut unset).unwrap();
        assert_eq!(Vec::from_iter(unset), ["B", "C", "E"]);
    }

    #[test]
    fn invalid_variable_is_an_error_without_values() {
        for (text, part) in [
            ("${MISSING:?give it}", "MISSING is not set: give it"),
            ("${EMPTY:?}", "set it"),
            ("${MISSING?}", "set it"),
            ("${A", "no }"),
            ("$", "$$"),
            ("$ x", "$$"),
            ("$1", "$$"),
            ("${}", "names no variable"),
            ("${1}", "names no variable"),
            ("${A!x}", "operator"),
            ("${A:}", "operator"),
            (&"${M:-".repeat(40), "no }"),
            (&format!("{}{}", "${M:-".repeat(40), "}".repeat(40)), "deeply"),
        ] {
            let error = interpolate(text, &known(), &mut BTreeSet::new()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let long = [("A".to_owned(), "x".repeat(LONGEST))].into();
        interpolate("$A", &long, &mut BTreeSet::new()).unwrap();
        let error = interpolate("$A$A", &long, &mut BTreeSet::new()).unwrap_err();
        assert!(error.contains("longer than 1 MiB"), "{error}");
    }
}
