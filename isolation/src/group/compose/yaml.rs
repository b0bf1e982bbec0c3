//! YAML as a tree with line numbers, for errors.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::error::{Error, Result};

/// The maximum number of values of a file, including aliases: a small file could expand to an
/// unlimited size.
const MOST_NODES: usize = 50_000;

/// The number of bytes of a text that count as one value if an alias repeats it.
const BYTES_OF_A_VALUE: usize = 100;

/// The maximum nesting of values.
const DEEPEST: usize = 64;

/// A value, and the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// A text or a number. Quotes matter only for null.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: Node,
}

/// Reads the only document of a file.
pub(super) fn read(text: &str) -> Result<Node> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => return Err(at(line, "the file has several documents; keep one")),
            event => root = Some(reader.node(event, line, 0)?),
        }
    }
    root.ok_or_else(|| Error::invalid("the file is empty; name services"))
}

/// An error on a line.
pub(super) fn at(line: usize, why: &str) -> Error {
    Error::invalid(format!("line {line}: {why}"))
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize)> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(at(
                error.marker().line(),
                &format!("the YAML is invalid: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node> {
        self.count(1, line)?;
        if depth > DEEPEST {
            return Err(at(line, "values are nested too deeply"));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null =
                    style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = match is_null {
                    true => Value::Null,
                    false => Value::Text(text.into_owned()),
                };
                (anchor, value)
            }
            Event::SequenceStart(anchor, _) => (anchor, self.list(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.map(depth)?),
            Event::Alias(anchor) => {
                let missing = || at(line, "the alias names no anchor before it");
                let node = self.anchors.get(&anchor).cloned().ok_or_else(missing)?;
                self.count(size(&node), line)?;
                return Ok(Node { line, ..node });
            }
            _ => return Err(at(line, "the YAML is incomplete")),
        };
        let node = Node { line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, line: usize) -> Result<()> {
        self.nodes += more;
        match self.nodes > MOST_NODES {
            true => Err(at(line, "the file has too many values, aliases included")),
            false => Ok(()),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value> {
        let (mut entries, mut merged) = (Vec::<Entry>::new(), Vec::new());
        loop {
            let (event, line) = match self.next()? {
                (Event::MappingEnd, _) => break,
                next => next,
            };
            let Value::Text(key) = self.node(event, line, depth + 1)?.value else {
                return Err(at(line, "a key is not a text"));
            };
            let (event, of_value) = self.next()?;
            let value = self.node(event, of_value, depth + 1)?;
            if key == "<<" {
                merged.push(value);
            } else if entries.iter().any(|entry| entry.key == key) {
                return Err(at(line, &format!("the key {key:?} is there twice; remove one")));
            } else {
                entries.push(Entry { line, key, value });
            }
        }
        for source in merged {
            merge(&mut entries, source)?;
        }
        Ok(Value::Map(entries))
    }
}

/// Adds the entries of `<<: *anchor` that the mapping itself does not contain.
fn merge(entries: &mut Vec<Entry>, source: Node) -> Result<()> {
    match source.value {
        Value::Map(more) => {
            for entry in more {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(entry);
                }
            }
            Ok(())
        }
        Value::List(sources) => sources.into_iter().try_for_each(|one| merge(entries, one)),
        _ => Err(at(source.line, "<< takes a mapping, or a list of mappings")),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null => 1,
        Value::Text(text) => 1 + text.len() / BYTES_OF_A_VALUE,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => {
                format!("{:?}", items.iter().map(text).collect::<Vec<_>>()).replace('\\', "")
            }
            Value::Map(entries) => {
                let one = |entry: &Entry| format!("{}={}", entry.key, text(&entry.value));
                format!("{{{}}}", entries.iter().map(one).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn anchors_are_merged() {
        let tree =
            read("x-a: &a {u: 1, v: 2}\nb:\n  <<: *a\n  v: 3\nc: &c [1]\nd: *c\ne: ~\nf: ''\n").unwrap();
        let shown = text(&tree);
        assert!(shown.contains(r#"b={v="3" u="1"}"#), "{shown}");
        assert!(shown.ends_with(r#"e=null f=""}"#), "{shown}");
        let Value::Map(entries) = &tree.value else {
            panic!()
        };
        assert_eq!((entries[1].line, entries[4].line), (2, 7));
        let tree = read("a: &a {u: 1}\nb: &b {u: 2, v: 3}\nc: &c ~\nd: {<<: [*a, *b], w: *c}\n").unwrap();
        let shown = text(&tree);
        assert!(shown.ends_with(r#"d={w=null u="1" v="3"}}"#), "{shown}");
    }

    #[test]
    fn invalid_yaml_names_the_line() {
        let bomb: String = std::iter::once("a0: &a0 [x]\n".to_owned())
            .chain((1..30).map(|n| format!("a{n}: &a{n} [*a{m}, *a{m}]\n", m = n - 1)))
            .collect();
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), "*a, ".repeat(100));
        let deep = "[".repeat(200);
        for (yaml, part) in [
            ("", "empty"),
            ("a: 1\nb: [", "line 3: the YAML"),
            ("a: 1\na: 2", "line 2: the key \"a\" is there twice"),
            ("a: 1\n---\nb: 2", "several documents"),
            ("? [1]\n: 2", "not a text"),
            ("a: *b", "line 1"),
            ("a:\n  <<: 1", "<< takes"),
            (bomb.as_str(), "too many values"),
            (long.as_str(), "too many values"),
            (deep.as_str(), "nested too deeply"),
        ] {
            let error = read(yaml).unwrap_err().to_string();
            assert!(error.contains(part), "{yaml:.40}: {error}");
        }
    }

    #[test]
    fn end_is_no_value_and_stays() {
        let mut reader = Reader {
            events: Parser::new_from_str("a"),
            anchors: HashMap::new(),
            nodes: 0,
        };
        while reader.next().unwrap().0 != Event::StreamEnd {}
        let (event, line) = reader.next().unwrap();
        assert_eq!(event, Event::StreamEnd);
        let error = reader.node(event, line, 0).unwrap_err().to_string();
        assert!(error.contains("the YAML is incomplete"), "{error}");
    }
}
