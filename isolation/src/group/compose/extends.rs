//! `extends`: the keys of another service of the same file.

use std::collections::BTreeMap;

use super::reading::Reading;
use super::yaml::{Entry, Node, Value};

/// Keys whose lists are replaced, and not put together.
const REPLACED: [&str; 4] = ["command", "entrypoint", "test", "profiles"];

/// Replaces `extends` of every service by the keys of the other service.
pub(super) fn resolve(reading: &mut Reading<'_>, services: &[Entry]) -> Vec<Entry> {
    let by_name: BTreeMap<&str, &Entry> = services.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let mut resolved = Vec::new();
    for entry in services {
        let mut passed = vec![entry.key.as_str()];
        let value = extended(reading, entry, &by_name, &mut passed);
        resolved.push(Entry {
            line: entry.line,
            key: entry.key.clone(),
            value,
        });
    }
    resolved
}

fn extended<'n>(
    reading: &mut Reading<'_>,
    service: &'n Entry,
    services: &BTreeMap<&str, &'n Entry>,
    passed: &mut Vec<&'n str>,
) -> Node {
    let own = service.value.clone();
    let Value::Map(entries) = &service.value.value else {
        return own;
    };
    let Some(extends) = entries.iter().find(|entry| entry.key == "extends") else {
        return own;
    };
    let path = format!("services.{}.extends", service.key);
    let mut base = None;
    match &extends.value.value {
        Value::Map(options) => {
            for option in options {
                let path = format!("{path}.{}", option.key);
                match option.key.as_str() {
                    "service" => base = reading.text(&option.value, &path),
                    _ => {
                        let hint = "only services of the same file are extended";
                        reading.unsupported(option.line, &path, hint);
                        return own;
                    }
                }
            }
        }
        _ => base = reading.text(&extends.value, &path),
    }
    let Some(base) = base else {
        reading.fault(extends.line, &path, "it names no service");
        return own;
    };
    let Some(found) = services.get(base.as_str()) else {
        reading.fault(extends.line, &path, &format!("no service is called {base:?}"));
        return own;
    };
    if passed.contains(&found.key.as_str()) {
        reading.fault(extends.line, &path, "services extend each other; remove one");
        return own;
    }
    passed.push(&found.key);
    let mut whole = extended(reading, found, services, passed);
    merge(&mut whole, &own, "");
    whole.line = own.line;
    whole
}

/// Adds the keys of the service itself, which win.
fn merge(base: &mut Node, own: &Node, key: &str) {
    match (&mut base.value, &own.value) {
        (Value::Map(entries), Value::Map(more)) => {
            for entry in more {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        known.line = entry.line;
                        merge(&mut known.value, &entry.value, &entry.key);
                    }
                    None => entries.push(entry.clone()),
                }
            }
        }
        (Value::List(items), Value::List(more)) if !REPLACED.contains(&key) => {
            items.retain(|item| !more.iter().any(|own| is_same(item, own)));
            items.extend(more.iter().cloned());
        }
        // `environment` and `labels` may be a list in one service, and a mapping in the other.
        (Value::Map(entries), Value::List(items)) => {
            for pair in items.iter().filter_map(pair) {
                entries.retain(|known| known.key != pair.key);
                entries.push(pair);
            }
        }
        (Value::List(items), Value::Map(more)) => {
            let mut entries: Vec<Entry> = items.iter().filter_map(pair).collect();
            entries.retain(|known| !more.iter().any(|own| own.key == known.key));
            entries.extend(more.iter().cloned());
            base.value = Value::Map(entries);
        }
        (value, own) => *value = own.clone(),
    }
    base.line = own.line;
}

/// `KEY=value` as an entry.
fn pair(item: &Node) -> Option<Entry> {
    let Value::Text(text) = &item.value else {
        return None;
    };
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Value::Text(value.to_owned())),
        None => (text.as_str(), Value::Null),
    };
    Some(Entry {
        line: item.line,
        key: key.to_owned(),
        value: Node {
            line: item.line,
            value,
        },
    })
}

/// Whether an item of a list replaces another: it is the same, the same variable, or a mount at the
/// same target.
fn is_same(one: &Node, other: &Node) -> bool {
    let id = |node: &Node| match &node.value {
        Value::Text(text) => match text.split_once('=') {
            Some((name, _)) => Some(name.to_owned()),
            None => match text.split(':').find(|part| part.starts_with('/')) {
                Some(_) => text.split(':').nth(1).map(str::to_owned),
                None => Some(text.clone()),
            },
        },
        Value::Map(entries) => {
            let target = entries.iter().find(|entry| entry.key == "target");
            match target.map(|target| &target.value.value) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            }
        }
        _ => None,
    };
    one.value == other.value || id(one).is_some_and(|one| Some(one) == id(other))
}
