//! Reads a `.dockerignore`: which files of a directory are not sent to a build.

use super::pattern::Pattern;

/// The patterns of a `.dockerignore`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

/// For each pattern, whether it matches a directory; the paths below it inherit that.
pub(super) type Fitting = Vec<bool>;

impl Ignore {
    /// Reads the file's text; an error names the invalid line and the reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut patterns = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            // A comment begins at the line's very start.
            let trimmed = line.trim();
            if line.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let wrong = |what: &str| format!("line {} of .dockerignore, {trimmed:?}, is {what}", number + 1);
            let (exception, rest) = match trimmed.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, trimmed),
            };
            if rest.is_empty() {
                return Err(wrong("an exception of nothing"));
            }
            let cleaned = clean(rest);
            let pattern = match cleaned.strip_prefix('/') {
                Some(relative) if !relative.is_empty() => relative,
                _ => &cleaned,
            };
            patterns.push(Pattern::parse(pattern, exception).map_err(wrong)?);
        }
        Ok(Self { patterns })
    }

    /// Makes sure that a file is sent, whatever the patterns say: the engine needs it.
    pub(super) fn keep(&mut self, path: &str) {
        if !self.sends(path) {
            self.patterns.push(Pattern::exception(path));
        }
    }

    /// Whether a path is sent, decided from the top as the walk through the directory does: an
    /// exception that matches the path is not enough if the walk does not enter its parent.
    fn sends(&self, path: &str) -> bool {
        let mut fitting = Fitting::new();
        let mut excluded = false;
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            (excluded, fitting) = self.excludes(&path[..end], &fitting);
            if excluded && end < path.len() && !self.may_return(&path[..end]) {
                return false;
            }
        }
        !excluded
    }

    /// Whether a path is excluded; `parent` holds the matches of its directory, empty at the top.
    pub(super) fn excludes(&self, path: &str, parent: &Fitting) -> (bool, Fitting) {
        let mut excluded = false;
        let mut fitting = Fitting::with_capacity(self.patterns.len());
        for (n, pattern) in self.patterns.iter().enumerate() {
            // A pattern that would change nothing is not tried, and not inherited either.
            let fits = parent.get(n) == Some(&true) || (pattern.exception == excluded && pattern.fits(path));
            if fits {
                excluded = !pattern.exception;
            }
            fitting.push(fits);
        }
        (excluded, fitting)
    }

    /// Whether an excluded directory must be entered, because an exception names a path below it.
    pub(super) fn may_return(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        let mut exceptions = self.patterns.iter().filter(|pattern| pattern.exception);
        exceptions.any(|pattern| format!("{}/", pattern.text).starts_with(&below))
    }
}

/// The shortest equivalent path: without `.`, `..`, empty parts and a slash at the end.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            other => parts.push(other),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_decide_which_files_are_sent() {
        // The file, paths that are sent, paths that are not.
        let cases: [(&str, &[&str], &[&str]); 16] = [
            ("", &["a", "a/b"], &[]),
            ("# comment\n\n  \n", &["# comment", "a"], &[]),
            (" #a\n", &["a"], &["#a"]),
            ("a  \n b\t\n", &["c"], &["a", "b"]),
            ("\u{feff}a\r\nb\r\n", &["c"], &["a", "b"]),
            ("/a\n./b/\nc//d\ne/../f", &["e"], &["a", "b", "b/x", "c/d", "f"]),
            ("a", &["ab", "b/a"], &["a", "a/b", "a/b/c"]),
            ("**/a", &["ab"], &["a/x", "b/a", "b/a/x"]),
            ("*\n!a", &["a", "a/b"], &["b", "b/a"]),
            ("*\n! a", &["a"], &["b"]),
            ("!a\na", &["b"], &["a"]),
            ("d\n!d/keep", &["d/keep", "d/keep/x"], &["d", "d/other"]),
            ("d\n!d/k*", &["d/kept"], &["d/other"]),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                &["README.md", "README-x.md"],
                &["x.md", "README-secret.md"],
            ),
            ("d/**\n!d/a/b", &["d", "d/a/b"], &["d/a", "d/c"]),
            // Docker does not enter an excluded directory for an exception that does not name it.
            ("d\n!**/keep", &["keep"], &["d/keep"]),
        ];
        for (text, kept, dropped) in cases {
            let ignore = Ignore::parse(text).unwrap();
            for path in kept {
                assert!(ignore.sends(path), "{text:?} excludes {path}");
            }
            for path in dropped {
                assert!(!ignore.sends(path), "{text:?} sends {path}");
            }
        }
    }

    #[test]
    fn keep_sends_files_that_the_engine_needs() {
        let mut ignore = Ignore::parse("*\n").unwrap();
        ignore.keep(".dockerignore");
        ignore.keep("docker/x[1].Dockerfile");
        assert!(ignore.sends(".dockerignore") && ignore.sends("docker/x[1].Dockerfile"));
        assert!(!ignore.sends("docker") && !ignore.sends("docker/x"));
    }

    #[test]
    fn keep_sends_a_file_in_an_excluded_directory() {
        // The exception matches the file, but does not name its directory, which the walk then
        // skips.
        let mut ignore = Ignore::parse("*\n!**?").unwrap();
        assert!(!ignore.sends("aa/a"));
        ignore.keep("aa/a");
        assert!(ignore.sends("aa/a"));
    }

    #[test]
    fn errors_name_the_invalid_line() {
        for text in ["a\n!\n", "a\n! \n", "a\n[\n", "\na\\\n"] {
            let error = Ignore::parse(text).unwrap_err();
            assert!(error.starts_with("line 2 of .dockerignore"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn keep_sends_the_path_whatever_the_patterns(text in "([a-c*?!/\\[\\]^\\\\. #-]|\\*\\*|\n){0,24}", path in "[a-c]{1,3}(/[a-c]{1,2}){0,3}") {
            if let Ok(mut ignore) = Ignore::parse(&text) {
                ignore.keep(&path);
                prop_assert!(ignore.sends(&path));
            }
        }

        #[test]
        fn clean_is_idempotent(path in "[a./]{0,12}") {
            let once = clean(&path);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
