//! The secrets and configs of the file: files of this machine, or contents, that services read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::reading::Reading;
use super::yaml::{Entry, Node, Value};
use crate::group::spec::{GroupSpec, Service};
use crate::spec::mount::Mount;

/// The secrets or the configs that the file declares.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// The directory of those whose service names no target.
    directory: &'static str,
    files: BTreeMap<String, Option<Source>>,
}

#[derive(Debug)]
enum Source {
    /// A file of this machine.
    File(PathBuf),
    /// One of [`GroupSpec::files`].
    OfGroup(String),
}

/// The section of secrets, and their directory.
pub(super) const SECRETS: (&str, &str) = ("secrets", "/run/secrets/");
/// The section of configs, and their directory.
pub(super) const CONFIGS: (&str, &str) = ("configs", "/");

/// Reads the section `secrets` or `configs` of the file.
pub(super) fn declared(
    reading: &mut Reading<'_>,
    entries: &[Entry],
    (section, directory): (&str, &'static str),
    group: &mut GroupSpec,
) -> Declared {
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = format!("{section}.{}", entry.key);
        let (mut file, mut content) = (None, None);
        for option in reading.map(&entry.value, &path) {
            let (value, path) = (&option.value, format!("{path}.{}", option.key));
            match option.key.as_str() {
                "file" => file = reading.text(value, &path).map(|text| reading.path(&text)),
                "environment" => content = variable(reading, value, &path),
                "content" if section == "configs" => content = reading.text(value, &path),
                // Labels of something that exists only in a cluster.
                "labels" | "name" => {}
                key if key.starts_with("x-") => {}
                _ => reading.unsupported(option.line, &path, "name a file, or a variable: environment"),
            }
        }
        let source = match (file, content) {
            (Some(file), None) => Some(Source::File(file)),
            (None, Some(content)) => {
                let name = format!("{section}.{}", entry.key);
                group.files.insert(name.clone(), content);
                Some(Source::OfGroup(name))
            }
            (None, None) => None,
            (Some(_), Some(_)) => {
                reading.fault(entry.line, &path, "it has two sources; name one");
                None
            }
        };
        files.insert(entry.key.clone(), source);
    }
    Declared { directory, files }
}

/// The value of a variable of the caller.
fn variable(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<String> {
    let name = reading.text(node, path)?;
    let value = reading.known().get(&name).cloned();
    if value.is_none() {
        reading.fault(
            node.line,
            path,
            &format!("the variable {name} is not set; set it"),
        );
    }
    value
}

/// Reads the secrets or configs of a service: names, or mappings with `source` and `target`. Each
/// is a mount that can only be read.
pub(super) fn read(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    declared: &Declared,
    service: &mut Service,
) {
    let Value::List(items) = &node.value else {
        reading.texts(node, path);
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let (mut source, mut target) = (None, None);
        match &item.value {
            Value::Map(entries) => {
                for entry in entries {
                    let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
                    match entry.key.as_str() {
                        "source" => source = reading.text(value, &path),
                        "target" => target = reading.text(value, &path),
                        _ => reading.unsupported(
                            entry.line,
                            &path,
                            "owner and mode are those of the file; change them there",
                        ),
                    }
                }
            }
            _ => source = reading.text(item, &path),
        }
        let Some(source) = source else {
            reading.fault(item.line, &path, "it has no source; name one");
            continue;
        };
        let target = absolute(declared.directory, target.as_deref().unwrap_or(&source));
        match declared.files.get(&source) {
            Some(Some(Source::File(file))) => service.environment.mounts.push(Mount {
                read_only: true,
                ..Mount::host(file, target)
            }),
            Some(Some(Source::OfGroup(name))) => {
                service.files.insert(target, name.clone());
            }
            // It has no source, or its fault was reported.
            Some(None) => reading.fault(item.line, &path, "it has no file and no variable; name one"),
            None => {
                let why = "it is not declared; add it to the section of the file";
                reading.fault(item.line, &path, why);
            }
        }
    }
}

/// A relative target begins in the directory.
fn absolute(directory: &str, target: &str) -> String {
    match target.starts_with('/') {
        true => target.to_owned(),
        false => format!("{directory}{target}"),
    }
}
