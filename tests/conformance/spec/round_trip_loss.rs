//! The fields that a value of the description loses on its way through one of our types.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::spec::spec_tables::{Description, Field, Kind};

/// Compares values, and collects the lost fields as `Definition.field`.
pub(crate) struct Comparison<'a> {
    described: &'a Description,
    /// The lost fields.
    pub(crate) lost: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    /// Compares `before`, a value of `kind`, with `after`. A `null` may be lost.
    pub(crate) fn of(
        described: &'a Description,
        kind: &str,
        before: &Value,
        after: &Value,
    ) -> BTreeSet<String> {
        let mut comparison = Self {
            described,
            lost: BTreeSet::new(),
        };
        comparison.value(kind, "", before, after);
        comparison.lost
    }

    fn value(&mut self, kind: &str, place: &str, before: &Value, after: &Value) {
        match (Kind::of(kind), before, after) {
            (_, Value::Null, _) => {}
            (Kind::Definition(name), _, _) => match self.described.fields(name) {
                [whole] if whole.name.is_empty() => self.value(whole.kind, name, before, after),
                fields => match (before, after) {
                    (Value::Object(before), Value::Object(after)) => self.object(name, fields, before, after),
                    _ => self.scalar(place, before, after),
                },
            },
            (Kind::List(element, _), Value::Array(before), Value::Array(after))
                if before.len() == after.len() =>
            {
                for (before, after) in before.iter().zip(after) {
                    self.value(element, place, before, after);
                }
            }
            (Kind::Map(value), Value::Object(before), Value::Object(after)) => {
                for (key, before) in before {
                    match after.get(key) {
                        Some(after) => self.value(value, place, before, after),
                        None => drop(self.lost.insert(format!("{place}.{key}"))),
                    }
                }
            }
            (Kind::Object, Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (before, after) in before.iter().zip(after) {
                    self.value(kind, place, before, after);
                }
            }
            (Kind::Object, Value::Object(before), Value::Object(after)) => {
                self.object(place, &[], before, after)
            }
            _ => self.scalar(place, before, after),
        }
    }

    fn object(
        &mut self,
        name: &str,
        fields: &[Field],
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        for (key, before) in before {
            let place = format!("{name}.{key}");
            let kind = fields.iter().find(|field| field.name == key);
            match after.get(key) {
                // A value without a description is compared as a whole.
                Some(after) => self.value(kind.map_or("object", |field| field.kind), &place, before, after),
                None if before.is_null() => {}
                None => drop(self.lost.insert(place)),
            }
        }
    }

    fn scalar(&mut self, place: &str, before: &Value, after: &Value) {
        let numbers = before.as_f64().zip(after.as_f64());
        if before != after && !numbers.is_some_and(|(before, after)| before == after) {
            self.lost.insert(format!("{place}: {before} became {after}"));
        }
    }
}
