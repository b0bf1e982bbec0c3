//! One line of a `.dockerignore`, compared with paths.
//!
//! Paths and patterns are bytes. If a pattern has wildcards, both are read as characters, and each
//! byte that is not UTF-8 is read as U+FFFD, as in Go.

/// A pattern, as a program over the characters of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The pattern without `!`, cleaned.
    pub(super) text: Vec<u8>,
    /// Whether it is an exception (`!`) from earlier patterns.
    pub(super) exception: bool,
    matcher: Matcher,
}

/// The comparison of engines: a pattern without wildcards is a text, and `**` at one end matches a
/// part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    Exact,
    /// `dir/**`: every path with this prefix.
    Prefix,
    /// `**/name`: every path with this suffix.
    Suffix,
    Steps(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Char(char),
    /// `?`: any character except a slash.
    One,
    /// `*`: any number of characters except slashes.
    Many,
    /// `**/`: any number of whole directories.
    Directories,
    /// `**` at the end.
    Rest,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Reads a cleaned pattern; `Err` is why it is invalid.
    pub(super) fn parse(text: &[u8], exception: bool) -> Result<Self, &'static str> {
        Ok(Self {
            matcher: compile(text)?,
            text: text.to_owned(),
            exception,
        })
    }

    /// Whether the pattern matches the path itself; the caller checks its parents.
    pub(super) fn fits(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.text,
            Matcher::Prefix => path.starts_with(&self.text[..self.text.len() - 2]),
            Matcher::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Matcher::Steps(steps) => walk(steps, path),
        }
    }
}

/// The steps of a pattern, or the simple form of a text with `**` at most at one end.
fn compile(text: &[u8]) -> Result<Matcher, &'static str> {
    let chars = chars(text);
    let mut steps = Vec::new();
    let mut simple = Matcher::Exact;
    let mut wild = false;
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let first = at == 0;
        at += 1;
        match char {
            '*' if chars.get(at) == Some(&'*') => {
                at += 1;
                at += usize::from(chars.get(at) == Some(&'/'));
                let last = at == chars.len();
                match (last, &simple) {
                    (true, Matcher::Exact) if !wild => simple = Matcher::Prefix,
                    _ => wild |= !first,
                }
                if first {
                    simple = Matcher::Suffix;
                }
                steps.push(if last { Step::Rest } else { Step::Directories });
                continue;
            }
            '*' => steps.push(Step::Many),
            '?' => steps.push(Step::One),
            '[' => {
                let (class, next) = class(&chars, at)?;
                at = next;
                steps.push(class);
            }
            '\\' => {
                let escaped = *chars.get(at).ok_or("a lone backslash at its end")?;
                at += 1;
                steps.push(Step::Char(escaped));
            }
            other => {
                steps.push(Step::Char(other));
                continue;
            }
        }
        wild = true;
    }
    Ok(if wild { Matcher::Steps(steps) } else { simple })
}

/// A class such as `[a-z]` or `[^0-9]` after its bracket, and the position of its end.
fn class(chars: &[char], mut at: usize) -> Result<(Step, usize), &'static str> {
    const OPEN: &str = "a class of characters without a `]`";
    let negated = chars.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut ranges = Vec::new();
    let one = |at: &mut usize| -> Result<char, &'static str> {
        let mut char = *chars.get(*at).ok_or(OPEN)?;
        if char == '-' || char == ']' {
            return Err("a class of characters with a `-` or `]` that must be escaped");
        }
        if char == '\\' {
            *at += 1;
            char = *chars.get(*at).ok_or(OPEN)?;
        }
        *at += 1;
        Ok(char)
    };
    while ranges.is_empty() || chars.get(at) != Some(&']') {
        let low = one(&mut at)?;
        let mut high = low;
        if chars.get(at) == Some(&'-') {
            at += 1;
            high = one(&mut at)?;
        }
        if high < low {
            return Err("a range of characters in the wrong order");
        }
        ranges.push((low, high));
    }
    Ok((Step::Class { negated, ranges }, at + 1))
}

/// The characters of a text; one U+FFFD for each byte that is not UTF-8.
fn chars(text: &[u8]) -> Vec<char> {
    let mut chars = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        chars.extend(chunk.valid().chars());
        chars.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    chars
}

/// Follows all alternatives at the same time, so that the time is linear for every pattern.
fn walk(steps: &[Step], path: &[u8]) -> bool {
    let chars = chars(path);
    // `reached[n]`: the steps so far can have used up the first n characters.
    let mut reached = vec![false; chars.len() + 1];
    reached[0] = true;
    for step in steps {
        let mut next = vec![false; chars.len() + 1];
        let mut any = false;
        for n in 0..=chars.len() {
            let last = n.checked_sub(1).map(|n| chars[n]);
            let came = |fits: bool| fits && n > 0 && reached[n - 1];
            next[n] = match step {
                Step::Char(char) => came(last == Some(*char)),
                Step::One => came(last != Some('/')),
                Step::Class { negated, ranges } => {
                    let within = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                    came(last.is_some_and(|last| within(last) != *negated))
                }
                Step::Many => reached[n] || (n > 0 && next[n - 1] && last != Some('/')),
                Step::Directories => reached[n] || (any && last == Some('/')),
                Step::Rest => any || reached[n],
            };
            any |= reached[n];
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_docker_matches() {
        // Pattern, paths that match, paths that do not.
        let cases: [(&str, &[&str], &[&str]); 24] = [
            ("a", &["a"], &["b", "ab", "a/b", "b/a"]),
            ("a.c", &["a.c"], &["abc"]),
            ("*", &["a", ".hidden"], &["a/b"]),
            ("*.md", &["x.md", ".md"], &["x.mdx", "d/x.md"]),
            ("d/*", &["d/x"], &["d", "d/x/y"]),
            ("*/t?mp", &["a/temp", "b/tamp"], &["temp", "a/tmp", "a/b/temp"]),
            ("a?", &["ab"], &["a", "a/"]),
            ("**", &["a", "a/b", "a/b/c"], &[]),
            ("**/x", &["x", "a/x", "a/b/x"], &["ax", "x/a"]),
            ("**x", &["x", "ax", "a/bx"], &["xa"]),
            ("**/*.go", &["a.go", "a/b.go"], &["a.goo"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "b/a"]),
            ("a**", &["a", "ab", "a/b"], &["ba"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb"]),
            ("**/a/**", &["a/b", "x/a/b"], &["xa/b"]),
            ("a/**/*.c", &["a/x.c", "a/b/x.c"], &["x.c"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[^a-c]x", &["dx"], &["ax"]),
            (r"[\-x]", &["-", "x"], &["a"]),
            (r"\*", &["*"], &["a"]),
            (r"a\!", &["a!"], &["a"]),
            ("a(b)+{c}|$.", &["a(b)+{c}|$."], &["abc"]),
            ("é?", &["éa", "éß"], &["é"]),
            (
                "a*b*c*d*e*f*g*h*i*j*k",
                &["abcdefghijk"],
                &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
            ),
        ];
        for (text, fit, others) in cases {
            let pattern = Pattern::parse(text.as_bytes(), false).unwrap();
            for path in fit {
                assert!(pattern.fits(path.as_bytes()), "{text} does not fit {path}");
            }
            for path in others {
                assert!(!pattern.fits(path.as_bytes()), "{text} fits {path}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_matched() {
        type Paths = &'static [&'static [u8]];
        let cases: [(&[u8], Paths, Paths); 5] = [
            (b"caf\xe9", &[b"caf\xe9"], &[b"caf\xe8", b"caf\xc3\xa9"]),
            (b"d\xff/**", &[b"d\xff/x"], &[b"d\xfe/x"]),
            (b"**/\xe9", &[b"\xe9", b"a/\xe9"], &[b"\xe8"]),
            (b"caf?", &[b"caf\xe9", b"caf\xc3\xa9"], &[b"caf\xe9\xe9"]),
            (b"*\xe9", &[b"caf\xe9"], &[b"caf"]),
        ];
        for (text, fit, others) in cases {
            let pattern = Pattern::parse(text, false).unwrap();
            assert!(fit.iter().all(|path| pattern.fits(path)), "{text:?}");
            assert!(!others.iter().any(|path| pattern.fits(path)), "{text:?}");
        }
    }

    #[test]
    fn invalid_patterns_are_rejected() {
        for text in [
            "[", "[]a]", "[a", "a[", "[a-", "[-x]", "[x-]", "[b-a]", r"a\", "[^",
        ] {
            assert!(Pattern::parse(text.as_bytes(), false).is_err(), "{text}");
        }
    }
}
