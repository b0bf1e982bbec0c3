//! Reads a `.dockerignore`, which excludes files of a directory from a build.

use super::Builder;
use super::pattern::Pattern;

/// The patterns of a `.dockerignore`, in their order. Paths are bytes, with slashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
    /// Files that are always sent.
    kept: Vec<Vec<u8>>,
    /// The exceptions for which excluded directories are entered.
    returns: Returns,
}

/// For each pattern, whether it matches a directory; the paths below it inherit that.
pub(super) type Fitting = Vec<bool>;

/// Which excluded directories are entered, because an exception may match a path below them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Returns {
    /// Directories whose names are at the start of an exception, compared as texts.
    Below(Vec<Vec<u8>>),
    /// All directories.
    Everywhere,
}

impl Default for Returns {
    fn default() -> Self {
        Self::Below(Vec::new())
    }
}

impl Returns {
    /// BuildKit enters every directory if an exception contains a wildcard. The classic builder
    /// compares texts, including wildcards.
    fn of(patterns: &[Pattern], builder: Builder) -> Self {
        let exceptions = patterns.iter().filter(|pattern| pattern.exception);
        let texts = exceptions.map(|pattern| pattern.text.as_slice());
        match builder {
            Builder::Classic => Self::Below(texts.map(<[u8]>::to_vec).collect()),
            Builder::BuildKit => Self::below(texts),
        }
    }

    fn below<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let texts: Vec<_> = texts.map(without_last_wildcard).collect();
        let wild = |text: &&[u8]| text.iter().any(|byte| br"*[]?^\".contains(byte));
        match texts.iter().any(wild) {
            true => Self::Everywhere,
            false => Self::Below(texts.into_iter().map(<[u8]>::to_vec).collect()),
        }
    }
}

/// `dir` for `dir/**` and `dir/*`.
fn without_last_wildcard(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"/**").unwrap_or(text);
    text.strip_suffix(b"/*").unwrap_or(text)
}

impl Ignore {
    /// Reads the text of the file `name`; an error names the invalid line and the reason.
    pub(super) fn parse(text: &[u8], name: &str, builder: Builder) -> Result<Self, String> {
        let mut patterns = Vec::new();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            // A comment begins at the first character of a line.
            let trimmed = trim(line);
            if line.starts_with(b"#") || trimmed.is_empty() {
                continue;
            }
            let wrong = |what: &str| {
                let shown = String::from_utf8_lossy(trimmed);
                format!("line {} of {name}, {shown:?}, is {what}", number + 1)
            };
            patterns.push(pattern(trimmed).map_err(wrong)?);
        }
        Ok(Self {
            returns: Returns::of(&patterns, builder),
            patterns,
            kept: Vec::new(),
        })
    }

    /// Exclude patterns that BuildKit sends, from an ignore file that it has read.
    #[cfg(feature = "buildkit")]
    pub(super) fn excluding(lines: &[Vec<u8>]) -> Result<Self, String> {
        let patterns = patterns(lines)?;
        Ok(Self {
            returns: Returns::of(&patterns, Builder::BuildKit),
            patterns,
            kept: Vec::new(),
        })
    }

    /// Include patterns that BuildKit sends. A path must match one of them: `excludes` returns
    /// whether it does, and `may_return` whether a path below it may match.
    #[cfg(feature = "buildkit")]
    pub(super) fn selecting(lines: &[Vec<u8>]) -> Result<Self, String> {
        let patterns = patterns(lines)?;
        let selecting = patterns.iter().filter(|pattern| !pattern.exception);
        Ok(Self {
            returns: Returns::below(selecting.map(|pattern| pattern.text.as_slice())),
            patterns,
            kept: Vec::new(),
        })
    }

    /// Always sends a file, independent of the patterns: the engine needs it.
    pub(super) fn keep(&mut self, path: &[u8]) {
        self.kept.push(path.to_owned());
    }

    /// Whether a path is excluded; `parent` contains the matches of its directory, empty at the
    /// top.
    pub(super) fn excludes(&self, path: &[u8], parent: &Fitting) -> (bool, Fitting) {
        let mut excluded = false;
        let mut fitting = Fitting::with_capacity(self.patterns.len());
        for (n, pattern) in self.patterns.iter().enumerate() {
            // A pattern that would not change the result is skipped, and not inherited.
            let fits = parent.get(n) == Some(&true) || (pattern.exception == excluded && pattern.fits(path));
            if fits {
                excluded = !pattern.exception;
            }
            fitting.push(fits);
        }
        (excluded && !self.kept.iter().any(|kept| kept == path), fitting)
    }

    /// Whether an excluded directory must be entered.
    pub(super) fn may_return(&self, directory: &[u8]) -> bool {
        let within = |path: &Vec<u8>| {
            let rest = path.strip_prefix(directory);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let named = match &self.returns {
            Returns::Everywhere => true,
            Returns::Below(paths) => paths.iter().any(within),
        };
        named || self.kept.iter().any(within)
    }
}

/// The patterns of lines that are neither comments nor blank.
#[cfg(feature = "buildkit")]
fn patterns(lines: &[Vec<u8>]) -> Result<Vec<Pattern>, String> {
    let lines = lines.iter().map(|line| trim(line));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let shown = || String::from_utf8_lossy(line);
            pattern(line).map_err(|what| format!("the pattern {:?} is {what}", shown()))
        })
        .collect()
}

/// The pattern of a line without spaces at its ends; `Err` is why it is invalid.
fn pattern(line: &[u8]) -> Result<Pattern, &'static str> {
    let (exception, rest) = match line.strip_prefix(b"!") {
        Some(rest) => (true, trim(rest)),
        None => (false, line),
    };
    let cleaned = clean(rest);
    let pattern = match cleaned.strip_prefix(b"/") {
        Some(relative) if !relative.is_empty() => relative,
        _ => &cleaned,
    };
    // Docker removes the slash before it searches the mark of an exception.
    let (exception, pattern) = match pattern.strip_prefix(b"!") {
        Some(rest) if !exception => (true, rest),
        _ => (exception, pattern),
    };
    if exception && (rest.is_empty() || matches!(pattern, b"" | b"/")) {
        return Err("an exception without a pattern");
    }
    Pattern::parse(pattern, exception)
}

/// Removes the spaces at both ends; Unicode spaces count if the line is UTF-8.
fn trim(line: &[u8]) -> &[u8] {
    match std::str::from_utf8(line) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => line.trim_ascii(),
    }
}

/// The shortest equivalent path: without `.`, `..`, empty parts and a slash at the end.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if rooted => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classic(text: &str) -> Result<Ignore, String> {
        Ignore::parse(text.as_bytes(), ".dockerignore", Builder::Classic)
    }

    /// Whether a path is sent, decided from the top like in the walk through a directory.
    fn sends(ignore: &Ignore, path: &str) -> bool {
        let mut fitting = Fitting::new();
        let mut excluded = false;
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            (excluded, fitting) = ignore.excludes(&path.as_bytes()[..end], &fitting);
            if excluded && end < path.len() && !ignore.may_return(&path.as_bytes()[..end]) {
                return false;
            }
        }
        !excluded
    }

    #[test]
    fn patterns_decide_which_files_are_sent() {
        // The file, paths that are sent, paths that are not.
        let cases: [(&str, &[&str], &[&str]); 16] = [
            ("", &["a", "a/b"], &[]),
            ("# comment\n\n  \n", &["# comment", "a"], &[]),
            (" #a\n", &["a"], &["#a"]),
            ("a  \n b\t\n\u{a0}c\u{2003}\n", &["d"], &["a", "b", "c"]),
            ("\u{feff}a\r\nb\r\n", &["c"], &["a", "b"]),
            ("/a\n./b/\nc//d\ne/../f", &["e"], &["a", "b", "b/x", "c/d", "f"]),
            ("a", &["ab", "b/a"], &["a", "a/b", "a/b/c"]),
            ("**/a", &["ab"], &["a/x", "b/a", "b/a/x"]),
            ("*\n!a", &["a", "a/b"], &["b", "b/a"]),
            ("*\n! a\n/!c", &["a", "c"], &["b"]),
            ("!a\na", &["b"], &["a"]),
            ("d\n!d/keep", &["d/keep", "d/keep/x"], &["d", "d/other"]),
            ("d\n!d/k*", &["d/kept"], &["d/other"]),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                &["README.md", "README-x.md"],
                &["x.md", "README-secret.md"],
            ),
            ("d/**\n!d/a/b", &["d", "d/a/b"], &["d/a", "d/c"]),
            // The classic builder does not enter an excluded directory for an exception that does
            // not name it.
            ("d\n!**/keep", &["keep"], &["d/keep"]),
        ];
        for (text, kept, dropped) in cases {
            let ignore = classic(text).unwrap();
            for path in kept {
                assert!(sends(&ignore, path), "{text:?} excludes {path}");
            }
            for path in dropped {
                assert!(!sends(&ignore, path), "{text:?} sends {path}");
            }
        }
    }

    #[test]
    fn buildkit_enters_all_directories_for_a_wildcard() {
        let enters = |text: &str, builder, directory: &[u8]| {
            let ignore = Ignore::parse(text.as_bytes(), "x", builder).unwrap();
            ignore.may_return(directory)
        };
        for (text, buildkit, classic) in [
            ("*\n!**/b", true, false),
            ("*\n!c/*/b", true, false),
            ("*\n!c[d]", true, false),
            ("*\n!c/**\n!d/*", false, false),
            ("*\n!ab", false, false),
            ("*\n!a/**", true, true),
            ("*\n!a/b\n!c", true, true),
            ("*\nc*", false, false),
        ] {
            assert_eq!(enters(text, Builder::BuildKit, b"a"), buildkit, "{text:?}");
            assert_eq!(enters(text, Builder::Classic, b"a"), classic, "{text:?}");
        }
    }

    #[test]
    fn keep_sends_files_that_the_engine_needs() {
        let mut ignore = Ignore::parse(b"*\n", "x", Builder::BuildKit).unwrap();
        ignore.keep(b"docker/x[1].Dockerfile");
        assert!(sends(&ignore, "docker/x[1].Dockerfile"));
        assert!(!sends(&ignore, "docker") && !sends(&ignore, "docker/x"));
        // The name contains a bracket, but no other directory is entered.
        assert!(!ignore.may_return(b"other"));
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        for text in ["a\n!\n", "a\n! \n", "a\n!/\n", "a\n/!\n", "a\n[\n", "\na\\\n"] {
            let error = classic(text).unwrap_err();
            assert!(error.starts_with("line 2 of .dockerignore"), "{error}");
        }
        let error = Ignore::parse(b"\xff[", "x.dockerignore", Builder::BuildKit).unwrap_err();
        assert!(
            error.starts_with("line 1 of x.dockerignore, \"\u{fffd}[\""),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn keep_sends_the_path_whatever_the_patterns(text in "([a-c*?!/\\[\\]^\\\\. #-]|\\*\\*|\n){0,24}", path in "[a-c]{1,3}(/[a-c]{1,2}){0,3}") {
            if let Ok(mut ignore) = classic(&text) {
                ignore.keep(path.as_bytes());
                prop_assert!(sends(&ignore, &path));
            }
        }

        #[test]
        fn clean_is_idempotent(path in "[a./]{0,12}") {
            let once = clean(path.as_bytes());
            prop_assert_eq!(clean(&once), once);
        }
    }
}
