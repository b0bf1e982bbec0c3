//! The files through which a command gets its text and its input, and gives its output.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::layout::Layout;
use super::script::Role;
use crate::command::Command;
use crate::command::input::Input;
use crate::files::dir::Owner;

/// The files of a command, until it has opened them.
pub(super) struct CommandFiles(Vec<PathBuf>);

impl CommandFiles {
    /// The inputs and outputs belong to the user of the command, which may open them again.
    pub(super) fn make(
        layout: &Layout,
        name: &str,
        text: &[u8],
        command: &Command,
        owner: Option<Owner>,
        role: Role,
    ) -> io::Result<Self> {
        let mut files = Self(Vec::new());
        let is_piped = |end: &str| match end {
            "reports" => true,
            _ if role == Role::Main => false,
            _ if command.terminal.is_some() => false,
            "in" => command.input != Input::Empty,
            _ => true,
        };
        for end in ["reports", "out", "err", "in"] {
            if is_piped(end) {
                let path = layout.pipe(name, end);
                layout.make_pipe(&path)?;
                files.0.push(path.clone());
                if let Some(owner) = owner.filter(|_| end != "reports") {
                    layout.give_to(&path, owner)?;
                }
            }
        }
        if let Some(owner) = owner.filter(|_| role.is_main()) {
            for name in ["stdout", "stderr"] {
                layout.give_to(&layout.main(name), owner)?;
            }
        }
        let path = layout.pipe(name, "sh");
        files.0.push(path.clone());
        write_private(layout, &path, text)?;
        Ok(files)
    }
}

/// The text names the values of variables: only the environment may read it.
fn write_private(layout: &Layout, path: &PathBuf, text: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    layout.give(path)
}

impl Drop for CommandFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // They are gone with a destroyed environment.
            let _ = fs::remove_file(path);
        }
    }
}
