//! Shared code of shells that run commands of an environment: quoted words, the search for a
//! program, and the search for the processes of a command.

use std::collections::HashSet;

use bytes::Bytes;

/// The shell functions for these tasks.
pub(crate) const FUNCTIONS: &str = include_str!("functions.sh");

/// A script without its comments and blank lines.
pub(crate) fn without_comments(script: &str) -> String {
    let lines = script.lines();
    let sent = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    sent.flat_map(|line| [line, "\n"]).collect()
}

/// The programs that were found and can be run, with the values on which the search depends.
#[derive(Debug, Default)]
pub(crate) struct KnownPrograms(HashSet<Program>);

/// A program, the value of `PATH`, and the working directory if the program has a relative path.
pub(crate) type Program = (String, Vec<u8>, String);

impl KnownPrograms {
    /// The maximum number of programs that are stored.
    const MOST: usize = 1000;

    pub(crate) fn contains(&self, program: &Program) -> bool {
        self.0.contains(program)
    }

    pub(crate) fn add(&mut self, program: Program) {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(program);
    }
}

/// A script that is being written.
#[derive(Debug, Default)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Writes a word, quoted.
    pub(crate) fn word(&mut self, word: &[u8]) -> &mut Self {
        self.0.push(b'\'');
        for byte in word {
            match byte {
                b'\'' => self.0.extend_from_slice(br"'\''"),
                byte => self.0.push(*byte),
            }
        }
        self.0.push(b'\'');
        self
    }

    /// Writes bytes as a quoted format of `printf`. All shells support three octal digits.
    pub(crate) fn format(&mut self, bytes: &Bytes) -> &mut Self {
        self.0.push(b'\'');
        for byte in bytes {
            match byte {
                b'%' => self.0.extend_from_slice(b"%%"),
                b'\'' | b'\\' | 0..32 | 127.. => self.0.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                byte => self.0.push(*byte),
            }
        }
        self.0.push(b'\'');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_known_are_bounded() {
        let mut known = KnownPrograms::default();
        let program = |number: usize| (format!("tool-{number}"), Vec::new(), String::new());
        for number in 0..=KnownPrograms::MOST {
            known.add(program(number));
        }
        // Without the oldest ones, all begin anew.
        assert!(known.contains(&program(KnownPrograms::MOST)));
        assert!(!known.contains(&program(0)) && known.0.len() == 1);
    }
}
