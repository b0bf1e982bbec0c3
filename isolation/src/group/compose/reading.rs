//! Reads values of the tree, and collects every fault and every unsupported key.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::interpolate::{Known, interpolate};
use super::yaml::{Entry, Node, Value};
use crate::error::{Error, Result};
use crate::spec::units;
use crate::spec::validate::Faults;

pub(super) struct Reading<'a> {
    directory: &'a Path,
    known: &'a Known,
    faults: Vec<(usize, String)>,
    unsupported: Vec<(usize, String)>,
    /// The variables that are used, are not set, and have no default.
    unset: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(directory: &'a Path, known: &'a Known) -> Self {
        Self {
            directory,
            known,
            faults: Vec::new(),
            unsupported: Vec::new(),
            unset: BTreeSet::new(),
        }
    }

    pub(super) fn known(&self) -> &'a Known {
        self.known
    }

    /// The directory of the file, from which relative paths start.
    pub(super) fn directory(&self) -> &'a Path {
        self.directory
    }

    /// Records a fault. The reason contains no value of the file, because a value may come from a
    /// variable.
    pub(super) fn fault(&mut self, line: usize, path: &str, why: &str) {
        self.faults.push((line, format!("line {line}: {path}: {why}")));
    }

    /// Records an unsupported key.
    pub(super) fn unsupported(&mut self, line: usize, path: &str, hint: &str) {
        let hint = if hint.is_empty() { "remove it" } else { hint };
        self.unsupported
            .push((line, format!("line {line}: {path} is not supported; {hint}")));
    }

    /// The variables that are used, are not set, and have no default.
    pub(super) fn take_unset(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unset).into_iter().collect()
    }

    /// Everything that is ignored, or the error that lists all faults.
    pub(super) fn finish(mut self, ignore: bool) -> Result<Vec<String>> {
        let mut ignored = Vec::new();
        self.unsupported.sort();
        match ignore {
            true => ignored.extend(self.unsupported.into_iter().map(|(_, text)| text)),
            false => self.faults.append(&mut self.unsupported),
        }
        self.faults.sort();
        let mut faults = Faults::default();
        for (_, text) in self.faults {
            faults.add(Err(Error::invalid(text)));
        }
        faults.into_result().map(|()| ignored)
    }

    /// Replaces the variables in every text.
    pub(super) fn interpolate(&mut self, node: &mut Node, path: &str) {
        match &mut node.value {
            Value::Null => {}
            Value::Text(text) => match interpolate(text, self.known, &mut self.unset) {
                Ok(replaced) => *text = replaced,
                Err(why) => {
                    let path = if path.is_empty() { "the file" } else { path };
                    self.fault(node.line, path, &why);
                }
            },
            Value::List(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.interpolate(item, &format!("{path}[{at}]"));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let path = match path {
                        "" => entry.key.clone(),
                        path => format!("{path}.{}", entry.key),
                    };
                    self.interpolate(&mut entry.value, &path);
                }
            }
        }
    }

    /// The entries of a mapping.
    pub(super) fn map<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                self.fault(node.line, path, "a mapping is expected");
                &[]
            }
        }
    }

    /// The value of a key.
    pub(super) fn get<'n>(&mut self, node: &'n Node, path: &str, key: &str) -> Option<&'n Node> {
        let entries = self.map(node, path).iter();
        let found = entries.into_iter().find(|entry| entry.key == key);
        found.map(|entry| &entry.value)
    }

    /// A text or number; `None` for null.
    pub(super) fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Null => None,
            _ => {
                self.fault(node.line, path, "a text is expected");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, path: &str) -> Vec<String> {
        match &node.value {
            Value::List(items) => {
                let mut texts = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    texts.extend(self.text(item, &format!("{path}[{at}]")));
                }
                texts
            }
            Value::Null => Vec::new(),
            _ => {
                self.fault(node.line, path, "a list is expected");
                Vec::new()
            }
        }
    }

    /// A list of texts, or a single one.
    pub(super) fn text_or_texts(&mut self, node: &Node, path: &str) -> Vec<String> {
        match &node.value {
            Value::Text(text) => vec![text.clone()],
            _ => self.texts(node, path),
        }
    }

    pub(super) fn bool(&mut self, node: &Node, path: &str) -> Option<bool> {
        let text = self.text(node, path)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => {
                self.fault(node.line, path, "true or false is expected");
                None
            }
        }
    }

    /// A value that is parsed from a text.
    pub(super) fn parsed<T, E>(
        &mut self,
        node: &Node,
        path: &str,
        what: &str,
        parse: impl FnOnce(&str) -> std::result::Result<T, E>,
    ) -> Option<T> {
        let text = self.text(node, path)?;
        let parsed = parse(&text).ok();
        if parsed.is_none() {
            self.fault(node.line, path, &format!("{what} is expected"));
        }
        parsed
    }

    pub(super) fn size(&mut self, node: &Node, path: &str) -> Option<u64> {
        self.parsed(node, path, "a size such as 64m", units::parse_size)
    }

    /// A path of this machine: from the directory of the file, or from home.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        let home = || self.known.get("HOME").map(PathBuf::from);
        let at_home = text
            .strip_prefix('~')
            .filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match at_home.and_then(|rest| Some((home()?, rest.trim_start_matches('/')))) {
            Some((home, rest)) => home.join(rest),
            None => clean(&self.directory.join(text)),
        }
    }
}

/// Removes `..` from the text of an absolute path. Its components are never `.`.
fn clean(path: &Path) -> PathBuf {
    use std::path::Component;

    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}
