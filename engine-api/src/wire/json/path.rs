//! The path of an error in a JSON text. It is computed only for errors.

use super::string::unescape;
use crate::error::JsonError;

/// The maximum length of the invalid value in an error, in bytes.
const SHOWN: usize = 200;

/// Parts of keys. The value of such a key is never shown, including values inside it.
const SECRET: [&str; 15] = [
    "arg",
    "entrypoint",
    "env",
    "logconfig",
    "opt", // of drivers
    "value",
    "auth",
    "pass",
    "secret",
    "token",
    "key",
    "data",
    "cmd",
    "label",
    "credential",
];

/// Returns the path at which the reader stopped, and the value there.
pub(super) fn explain(bytes: &[u8], reason: &str, at: usize) -> JsonError {
    let steps = Walk::new(bytes, at.min(bytes.len())).run();
    let secret = steps
        .iter()
        .any(|step| matches!(step, Step::Key(key, _) if is_secret(key)));
    let found = match steps.last() {
        Some(Step::Key(_, at) | Step::Index(_, at)) if !secret => value_at(bytes, *at),
        _ => None,
    };
    // serde's own text quotes the value as well ("invalid type: string \"x\", expected …").
    let reason = if secret {
        unquoted(reason)
    } else {
        reason.to_owned()
    };
    JsonError {
        path: render(&steps),
        reason,
        found,
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET.iter().any(|part| key.contains(part))
}

fn unquoted(reason: &str) -> String {
    match (reason.find('"'), reason.rfind('"')) {
        (Some(from), Some(to)) if from < to => format!("{}\"***{}", &reason[..from], &reason[to..]),
        _ => reason.to_owned(),
    }
}

fn value_at(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?.trim_ascii_start();
    let end = match rest.first()? {
        b'"' => rest
            .iter()
            .skip(1)
            .position(|b| *b == b'"')
            .map_or(rest.len(), |n| n + 2),
        b'{' | b'[' => {
            return Some(if rest[0] == b'{' {
                "an object".into()
            } else {
                "a list".into()
            });
        }
        _ => rest
            .iter()
            .position(|b| matches!(b, b',' | b'}' | b']'))
            .unwrap_or(rest.len()),
    };
    let shown = String::from_utf8_lossy(&rest[..end.min(SHOWN)]).into_owned();
    Some(if end > SHOWN { shown + "…" } else { shown })
}

/// One step of a path, and the start of its value.
enum Step {
    Key(String, usize),
    Index(usize, usize),
}

fn render(steps: &[Step]) -> String {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Index(index, _) => path.push_str(&format!("[{index}]")),
            Step::Key(key, _) if key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                path.push('.');
                path.push_str(key);
            }
            Step::Key(key, _) => path.push_str(&format!("[{key:?}]")),
        }
    }
    path
}

/// A walk over the tokens up to the error, keeping the open containers.
struct Walk<'a> {
    bytes: &'a [u8],
    end: usize,
    steps: Vec<Step>,
    /// For each open container: whether it is a list.
    lists: Vec<bool>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], end: usize) -> Self {
        Self {
            bytes,
            end,
            steps: Vec::new(),
            lists: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Step> {
        let mut at = 0;
        while at < self.end {
            match self.bytes[at] {
                b'"' => {
                    let close = self.string_end(at);
                    self.key(at, close);
                    at = close;
                }
                b'[' => {
                    self.lists.push(true);
                    self.steps.push(Step::Index(0, at + 1));
                }
                b'{' => self.lists.push(false),
                b']' | b'}' => self.close(at),
                b',' => self.next_element(at),
                _ => {}
            }
            at += 1;
        }
        self.steps
    }

    /// The index of the closing quote (or of the last byte).
    fn string_end(&self, open: usize) -> usize {
        let mut at = open + 1;
        while at < self.bytes.len() && self.bytes[at] != b'"' {
            at += if self.bytes[at] == b'\\' { 2 } else { 1 };
        }
        at.min(self.bytes.len() - 1)
    }

    /// Stores a string before a colon: it is a key.
    fn key(&mut self, open: usize, close: usize) {
        if self.lists.last() != Some(&false) {
            return;
        }
        let after = self.bytes[close..]
            .iter()
            .skip(1)
            .position(|b| !b.is_ascii_whitespace());
        let Some(colon) = after.map(|n| close + 1 + n).filter(|n| self.bytes[*n] == b':') else {
            return;
        };
        let mut key = String::new();
        if let Ok(text) = std::str::from_utf8(&self.bytes[open + 1..=close]) {
            // The reader has accepted this key, so it contains no invalid escape.
            let _ = unescape(text, &mut key);
        }
        self.steps.push(Step::Key(key, colon + 1));
    }

    fn close(&mut self, at: usize) {
        // The last byte belongs to the invalid value, so the container is not left yet.
        if at + 1 >= self.end {
            return;
        }
        match self.lists.pop() {
            Some(true) => drop(self.steps.pop()),
            // An object's last key is still on the stack, unless the object was empty.
            Some(false) if self.depth() < self.steps.len() => drop(self.steps.pop()),
            _ => {}
        }
    }

    /// The number of steps of the open containers when no container waits for a key.
    fn depth(&self) -> usize {
        self.lists.len()
    }

    fn next_element(&mut self, at: usize) {
        if at + 1 >= self.end {
            return;
        }
        match self.lists.last() {
            Some(true) => {
                if let Some(Step::Index(index, start)) = self.steps.last_mut() {
                    *index += 1;
                    *start = at + 1;
                }
            }
            // At the top level, the list of steps is empty.
            Some(false) | None => drop(self.steps.pop()),
        }
    }
}
