//! Values with every field of a definition set.

use serde_json::{Map, Value, json};

use crate::spec::spec_tables::{Description, Kind};

/// Makes values of the types of a description. All strings and numbers in a value are different.
pub(crate) struct Sample<'a> {
    described: &'a Description,
    /// The index of the enum value to use.
    round: usize,
    made: u32,
    /// The definitions under construction; a definition inside itself is left out.
    open: Vec<&'a str>,
}

impl<'a> Sample<'a> {
    /// A value of `kind`, with the enum values of index `round`.
    pub(crate) fn of(described: &'a Description, kind: &'a str, round: usize) -> Value {
        let mut sample = Self {
            described,
            round,
            made: 0,
            open: Vec::new(),
        };
        sample.value(kind, "", &[]).unwrap()
    }

    fn value(&mut self, kind: &'a str, name: &str, words: &[&str]) -> Option<Value> {
        self.made += 1;
        let word = words.get(self.round % words.len().max(1));
        Some(match Kind::of(kind) {
            Kind::List(element, length) => {
                let elements = (0..length).map(|_| self.value(element, name, words));
                Value::Array(elements.collect::<Option<_>>()?)
            }
            Kind::Map(value) => json!({ "key": self.value(value, name, words)? }),
            Kind::Text => match word {
                Some(word) => json!(word),
                None => json!(format!("{name} {}", self.made)),
            },
            Kind::Bytes => json!("c2VjcmV0"),
            Kind::Whole => match word {
                Some(word) => json!(word.parse::<i64>().unwrap()),
                None => json!(self.made),
            },
            Kind::Number => json!(f64::from(self.made) + 0.5),
            Kind::Flag => json!(true),
            Kind::Object => json!({}),
            Kind::Definition(definition) => return self.definition(definition),
        })
    }

    fn definition(&mut self, definition: &'a str) -> Option<Value> {
        if self.open.contains(&definition) {
            return None;
        }
        let described = self.described;
        self.open.push(definition);
        let made = match described.fields(definition) {
            [whole] if whole.name.is_empty() => self.value(whole.kind, definition, &whole.words),
            fields => {
                let mut object = Map::new();
                for field in fields {
                    if let Some(value) = self.value(field.kind, field.name, &field.words) {
                        object.insert(field.name.into(), value);
                    }
                }
                Some(Value::Object(object))
            }
        };
        self.open.pop();
        made
    }
}
