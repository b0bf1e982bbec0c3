//! Comments and documents in plain English: a noun is the subject of a sentence.

use super::style::{check, lines};

/// Words for persons, where a process, a container or a program acts.
const PERSONS: [&str; 4] = ["nobody", "Nobody", "whoever", "Whoever"];

/// Begin a relative clause, which is not a subject.
const RELATIVE: [&str; 2] = ["What ", "Who "];

/// The text of a comment, or of a line outside the code of a document.
fn prose<'a>(path: &str, line: &'a str) -> Option<&'a str> {
    if path.ends_with(".md") {
        return Some(line.trim_start().trim_start_matches(['-', '|', '>']).trim_start());
    }
    let (_, comment) = line.split_once("//")?;
    let before = line.len() - comment.len() - 2;
    // A URL in a text is not a comment.
    let starts = line[..before].trim().is_empty() || line[..before].ends_with("; ");
    starts.then(|| comment.trim_start_matches(['/', '!']).trim_start())
}

/// Whether a text has a word that is not part of a name or of a quotation.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_\"`'\u{201c}".contains(c));
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

/// Whether a sentence in a text begins with a relative clause. The first words of a documentation
/// may be one without a sentence: "What follows the colon."
fn has_relative_subject(text: &str) -> bool {
    RELATIVE.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let is_question = text[at..]
                .split(['.', ':'])
                .next()
                .unwrap_or_default()
                .contains('?');
            text[..at].ends_with(". ") && !is_question
        })
    })
}

fn findings(path: &str, text: &str) -> Vec<String> {
    let mut code = false;
    let found = lines(path, text).filter(|(_, line)| {
        if path.ends_with(".md") && line.trim_start().starts_with("```") {
            code = !code;
        }
        let Some(prose) = prose(path, line).filter(|_| !code) else {
            return false;
        };
        PERSONS.iter().any(|word| has_word(prose, word)) || has_relative_subject(prose)
    });
    found
        .map(|(place, line)| format!("{place}: {}", line.trim()))
        .collect()
}

#[test]
fn nouns_are_the_subjects_of_sentences() {
    check(
        "write the noun: the process, the caller, the value",
        |path, text| match path.ends_with("repository/prose.rs") {
            true => Vec::new(),
            false => findings(path, text),
        },
    );
}

#[test]
fn relative_subject_is_found() {
    let found = |path: &str, text: &str| findings(path, text).len();
    assert_eq!(
        found(
            "a.rs",
            "/// It ends. What is left is removed.\nlet a = 1; // nobody has it\n"
        ),
        2
    );
    assert_eq!(found("a.rs", "// It ends. Who waits is notified.\n"), 1);
    assert_eq!(
        found("a.rs", "let what = \"it. What is it\"; // runs as `nobody`\n"),
        0
    );
    assert_eq!(
        found(
            "a.md",
            "See. What is recorded?\n```\n. What is code\n```\nWhoever comes\n"
        ),
        1
    );
    assert_eq!(
        found("a.rs", "/// What remains.\nlet url = \"http://nobody\";\n"),
        0
    );
}
