//! Values with every field of a definition set.

use serde_json::{Map, Value, json};

use crate::spec::spec_tables::{Description, Kind};

/// Definitions whose fields exclude each other, and these fields: a value has one of them.
const ONE_OF: &[(&str, &[&str])] = &[
    (
        "ServiceSpec.Mode",
        &["Replicated", "Global", "ReplicatedJob", "GlobalJob"],
    ),
    (
        "TaskSpec",
        &["ContainerSpec", "PluginSpec", "NetworkAttachmentSpec"],
    ),
];

/// How many rounds it takes until each of the fields that exclude each other was in a value.
pub(crate) const ROUNDS: usize = 4;

/// Makes values of the types of a description. All strings and numbers in a value are different.
pub(crate) struct Sample<'a> {
    described: &'a Description,
    /// The index of the enum value to use, and of the fields that exclude each other.
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
                let excluding = ONE_OF.iter().find(|(name, _)| *name == definition);
                let chosen = excluding.map(|(_, names)| (names[self.round % names.len()], names));
                for field in fields {
                    if chosen.is_some_and(|(one, all)| all.contains(&field.name) && field.name != one) {
                        continue;
                    }
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
