//! Files of a virtual environment that hold its own path, written for another path.
//!
//! Console scripts name their interpreter in the first line. Where that line would be too long for
//! the kernel or would hold a blank, pip and uv write a script of two languages: `/bin/sh` starts
//! the interpreter with the script again, and Python reads the line as a text.

use std::path::{Path, PathBuf};

/// The length of a first line that every kernel reads whole.
const LIMIT: usize = 127;

/// The content of a file of the environment at `old`, for `new`; `None` if it does not name `old`.
pub(super) fn rewritten(content: &[u8], old: &Path, new: &Path) -> Option<Vec<u8>> {
    let (old, new) = (bytes(old), bytes(new));
    let content = match script(content, old) {
        Some((program, body)) => {
            let mut text = first_lines(&[new, program].concat());
            text.extend(replaced(body, old, new));
            return Some(text);
        }
        None => content,
    };
    contains(content, old).then(|| replaced(content, old, new))
}

/// The interpreter that the first lines of a script name.
pub(super) fn interpreter(content: &[u8]) -> Option<PathBuf> {
    let (program, _) = first(content)?;
    let text = std::str::from_utf8(program).ok()?;
    text.starts_with('/').then(|| text.into())
}

/// The program below the environment, such as `/bin/python3`, and what follows the first lines.
fn script<'a>(content: &'a [u8], old: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (program, body) = first(content)?;
    let below = program.strip_prefix(old)?;
    // Not a directory whose name begins in the same way.
    below.starts_with(b"/").then_some((below, body))
}

/// The program in the first lines of a script, and what follows them.
fn first(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = content.strip_prefix(b"#!")?;
    let (line, body) = split_line(text);
    Some(match line.trim_ascii() {
        b"/bin/sh" => {
            let (exec, body) = split_line(body);
            let quoted = exec.strip_prefix(b"'''exec' ")?;
            let quoted = quoted.strip_suffix(br#" "$0" "$@""#)?;
            let program = quoted.strip_prefix(b"\"").and_then(|q| q.strip_suffix(b"\""));
            let (end, body) = split_line(body);
            (end == b"' '''").then_some((program.unwrap_or(quoted), body))?
        }
        program => (program, body),
    })
}

/// The first lines of a script for this interpreter.
fn first_lines(program: &[u8]) -> Vec<u8> {
    // `#!` and the end of the line count.
    if program.len() + 3 <= LIMIT && !program.iter().any(u8::is_ascii_whitespace) {
        return [b"#!", program, b"\n"].concat();
    }
    let exec = [b"'''exec' \"", program, b"\" \"$0\" \"$@\"\n"].concat();
    [b"#!/bin/sh\n", &exec[..], b"' '''\n"].concat()
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// Whether the path is named, and not only a path that begins in the same way.
pub(super) fn contains(content: &[u8], old: &[u8]) -> bool {
    contains_before(content, old, content.len())
}

/// The same for a path that ends before this place, or at it.
pub(super) fn contains_before(content: &[u8], old: &[u8], end: usize) -> bool {
    let mut ends_of = memchr::memmem::find_iter(content, old).map(|at| at + old.len());
    ends_of.any(|at| at <= end && ends(content, at))
}

fn replaced(content: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(content.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(content, old) {
        if ends(content, at + old.len()) {
            text.extend_from_slice(&content[from..at]);
            text.extend_from_slice(new);
            from = at + old.len();
        }
    }
    text.extend_from_slice(&content[from..]);
    text
}

/// Whether a path ends here, or goes on with a directory in it.
fn ends(content: &[u8], at: usize) -> bool {
    let next = content.get(at);
    next.is_none_or(|next| !(next.is_ascii_alphanumeric() || matches!(next, b'-' | b'_' | b'.')))
}

fn bytes(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(content: &str, new: &str) -> Option<String> {
        let text = rewritten(content.as_bytes(), Path::new("/old/env"), Path::new(new))?;
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn script_gets_the_interpreter_of_the_new_path() {
        let short = "#!/old/env/bin/python3\nimport sys\n";
        assert_eq!(to(short, "/new").unwrap(), "#!/new/bin/python3\nimport sys\n");
        let blank = "#!/bin/sh\n'''exec' \"/a b/bin/python3\" \"$0\" \"$@\"\n' '''\nimport sys\n";
        assert_eq!(to(short, "/a b").unwrap(), blank);
        let long = format!("/{}", "x".repeat(200));
        let moved = to(short, &long).unwrap();
        assert!(
            moved.starts_with(&format!("#!/bin/sh\n'''exec' \"{long}/bin/python3\"")),
            "{moved}"
        );
        let back = rewritten(moved.as_bytes(), Path::new(&long), Path::new("/old/env")).unwrap();
        assert_eq!(back, short.as_bytes());
        let alone = to("#!/old/env/bin/python3", "/new").unwrap();
        assert_eq!(alone, "#!/new/bin/python3\n", "a script without an end of line");
        let unquoted = "#!/bin/sh\n'''exec' /old/env/bin/python3 \"$0\" \"$@\"\n' '''\nimport sys\n";
        assert_eq!(to(unquoted, "/new").unwrap(), "#!/new/bin/python3\nimport sys\n");
    }

    #[test]
    fn limit_counts_the_whole_first_line() {
        for (length, two) in [(LIMIT - 3, false), (LIMIT - 2, true)] {
            let program = format!("/{}", "x".repeat(length - 1));
            let lines = first_lines(program.as_bytes());
            assert_eq!(lines.starts_with(b"#!/bin/sh"), two, "{length}");
        }
    }

    #[test]
    fn other_scripts_and_longer_names_are_left() {
        for text in [
            "#!/usr/bin/python3\nimport sys\n",
            "#!/old/env2/bin/python\n",
            "#!/bin/sh\necho /old/env-copy /old/environment\n",
            "",
        ] {
            assert_eq!(to(text, "/new"), None, "{text}");
        }
        let text = "VIRTUAL_ENV=\"/old/env\"\nPS1=/old/env/bin:/old/envy\n";
        let moved = "VIRTUAL_ENV=\"/new\"\nPS1=/new/bin:/old/envy\n";
        assert_eq!(to(text, "/new").unwrap(), moved);
    }
}
