//! The paths in a body that lead to a definition, so that a body can contain a value of it alone.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::spec::spec_tables::{Description, Kind};

/// A step from a value to a value inside it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Field(&'static str),
    Element(usize),
    Key,
}

/// The path from a body to a value in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place(Vec<Step>);

impl Place {
    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The body that has `value` at this path, and nothing else.
    pub(crate) fn wrap(&self, value: Value) -> Value {
        self.0.iter().rev().fold(value, |value, step| match step {
            Step::Field(name) => json!({ *name: value }),
            Step::Element(length) => Value::Array(vec![value; *length]),
            Step::Key => json!({ "key": value }),
        })
    }
}

/// The shortest path from a body of type `kind` to each definition in it.
pub(crate) fn places(described: &Description, kind: &'static str) -> BTreeMap<&'static str, Place> {
    let mut found = BTreeMap::new();
    let mut ahead = VecDeque::from([(kind, Place::default())]);
    while let Some((kind, place)) = ahead.pop_front() {
        match Kind::of(kind) {
            Kind::List(element, length) => ahead.push_back((element, place.with(Step::Element(length)))),
            Kind::Map(value) => ahead.push_back((value, place.with(Step::Key))),
            Kind::Definition(name) if !found.contains_key(name) => {
                for field in described.fields(name) {
                    let inside = match field.name {
                        "" => place.clone(),
                        field => place.with(Step::Field(field)),
                    };
                    ahead.push_back((field.kind, inside));
                }
                found.insert(name, place);
            }
            _ => {}
        }
    }
    found
}
