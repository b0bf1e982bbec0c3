//! The last lines of a failed package manager, without credentials.

use crate::command::output::CommandOutput;

/// How many lines are shown, and how long each may be.
const LINES: usize = 5;
const WIDTH: usize = 300;

/// The last lines of the errors, else of the output, as one line.
pub(super) fn last_lines(output: &CommandOutput) -> String {
    let text = errors(output);
    let lines: Vec<_> = lines(&text).collect();
    joined(lines[lines.len().saturating_sub(LINES)..].iter().copied())
}

/// The first lines of the errors, without those that hold only a code.
pub(super) fn first_lines(output: &CommandOutput) -> String {
    let text = errors(output);
    joined(
        lines(&text)
            .filter(|line| line.len() > "npm ERR! 404".len())
            .take(LINES),
    )
}

fn errors(output: &CommandOutput) -> String {
    let (stdout, stderr) = (output.stdout_text(), output.stderr_text());
    if stderr.trim().is_empty() { stdout } else { stderr }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    // Cut afterwards: half of an address does not show where its credentials end.
    let shown = lines.map(|line| without_credentials(line).chars().take(WIDTH).collect::<String>());
    shown.collect::<Vec<_>>().join("; ")
}

/// The text with `***` for the user and password of each address.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let authority = after.find(|c: char| c == '/' || c.is_whitespace() || "'\"<>".contains(c));
        let authority = &after[..authority.unwrap_or(after.len())];
        match authority.rfind('@') {
            Some(at) => {
                shown.push_str("***");
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_at_the_cut_shows_no_credentials() {
        let line = format!("{} https://me:hunter2@pypi.example/x", "x".repeat(WIDTH - 15));
        let shown = last_lines(&CommandOutput {
            exit: crate::ExitStatus::from_code(1),
            stdout: Vec::new(),
            stderr: line.into_bytes(),
        });
        assert!(!shown.contains("hun") && !shown.contains("me:"), "{shown}");
    }

    #[test]
    fn first_lines_of_npm_name_the_package() {
        let stderr = "npm ERR! code E404\nnpm ERR! 404 Not Found - GET https://me:hunter2@h/x\nnpm ERR! 404\n\
                      npm ERR! 404  'x@*' is not in this registry.\nnpm ERR! 404\n1\n2\n3\n4\n5\n6\n";
        let shown = first_lines(&CommandOutput {
            exit: crate::ExitStatus::from_code(1),
            stdout: Vec::new(),
            stderr: stderr.into(),
        });
        assert!(
            shown.starts_with("npm ERR! code E404; npm ERR! 404 Not Found"),
            "{shown}"
        );
        assert!(
            shown.contains("'x@*' is not in") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn credentials_of_addresses_are_hidden() {
        for (text, shown) in [
            ("no address", "no address"),
            (
                "see https://pypi.example/simple/",
                "see https://pypi.example/simple/",
            ),
            (
                "https://me:hunter2@pypi.example/x and http://t@h",
                "https://***@pypi.example/x and http://***@h",
            ),
            ("'https://a:b@c@h/x'", "'https://***@h/x'"),
            ("git+ssh://git@h/r", "git+ssh://***@h/r"),
            (
                "mail me@example.com at https://h/",
                "mail me@example.com at https://h/",
            ),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
