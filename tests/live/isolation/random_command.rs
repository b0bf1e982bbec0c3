//! Random commands whose result does not depend on time, PIDs or the shell that carries them.

use isolation::{Command, Input};

use super::command_table::{SHELL_NAMES, shell};

/// Parts of words that a shell could read as its own.
const PARTS: [&str; 24] = [
    "a", "Z9", " ", "'", "\"", "\\", "$", "$HOME", "`id`", "$(id)", "*", "?", "~", "#", ";", "&", "|", "\n",
    "\t", "é", "\u{1}", "%s", "-", "=",
];

/// A random number generator (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }

    fn word(&mut self) -> String {
        (0..self.below(7))
            .map(|_| PARTS[self.below(PARTS.len())])
            .collect()
    }

    fn words(&mut self) -> Vec<String> {
        (0..self.below(6)).map(|_| self.word()).collect()
    }

    fn name(&mut self) -> String {
        let name = match self.below(2) {
            0 => SHELL_NAMES[self.below(SHELL_NAMES.len())].to_owned(),
            _ => self.word().replace('=', "_"),
        };
        if name.is_empty() { "x".to_owned() } else { name }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = [0, 1, 255, 3000][self.below(4)];
        (0..length)
            .map(|_| u8::try_from(self.below(256)).unwrap())
            .collect()
    }

    /// A command that prints its words, variables, input or directory.
    pub(super) fn command(&mut self) -> Command {
        let kind = self.below(5);
        let mut command = match kind {
            0 => Command::new(
                ["printf".to_owned(), "[%s]\n".to_owned()]
                    .into_iter()
                    .chain(self.words()),
            ),
            1 => Command::new(["env"]),
            2 => {
                let code = self.below(256);
                let mut command = shell(&format!("printf '<%s>' \"$0\" \"$@\" >&2; exit {code}"));
                command.argv.extend(self.words());
                command
            }
            3 => Command::new(["cat"]),
            _ => shell("pwd; umask; read -r line; printf '%s' \"$line\"; cat >&2"),
        };
        for _ in 0..self.below(4) {
            command.env.insert(self.name(), self.word());
        }
        if self.below(4) == 0 {
            // Newer daemons refuse a program that is found in the working directory.
            let path = format!("/{}:/usr/bin:/bin", self.word());
            command.env.insert("PATH".to_owned(), path);
        }
        let directories = ["/", "/x", "/x/d 'q", "/x/link/..", "/proc", "/usr/bin"];
        if self.below(2) == 0 {
            command.working_dir = Some(directories[self.below(directories.len())].to_owned());
        }
        // Podman reports input that is not read on standard error.
        if kind >= 3 && self.below(2) == 0 {
            command.input = Input::Bytes(self.bytes().into());
        }
        command
    }
}
