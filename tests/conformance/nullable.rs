//! A value that is `null` or missing is empty.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::roots;
use crate::spec::definition_paths::places;
use crate::spec::exceptions::{ALONE, Differences, NULLS};
use crate::spec::spec_tables::Description;

/// Every property of every body, once `null` and once missing, beside the same value without it.
#[test]
fn null_and_absent_are_the_same_everywhere() {
    let mut wrong = Differences::default();
    for described in Description::all() {
        for root in roots(&described) {
            for (definition, place) in places(&described, root.kind) {
                let read = |value: Value| {
                    let kept = (root.round_trip)(place.wrap(value).to_string().as_bytes());
                    kept.map(|kept| kept.encoded)
                };
                let absent = read(json!({}));
                for field in described
                    .fields(definition)
                    .iter()
                    .filter(|field| !field.name.is_empty())
                {
                    match read(json!({ field.name: null })) {
                        Ok(null) if Ok(&null) == absent.as_ref() => {}
                        Ok(_) => wrong.add(format!("{definition}.{}", field.name), &root.name),
                        Err(error) => wrong.add(error, &root.name),
                    }
                }
            }
        }
    }
    wrong.are_only(NULLS);
}

/// The properties that engines are known to send as `null` are among those of the test above.
#[test]
fn every_nullable_field_is_tried() {
    let described = Description::of("1.56");
    let tried = roots(&described)
        .into_iter()
        .flat_map(|root| places(&described, root.kind).into_keys());
    let tried: BTreeSet<&str> = tried.collect();
    let table = include_str!("../../fixtures/spec/nullable-fields.tsv");
    for line in table.lines().skip(1) {
        let [definition, name, _] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let field = described
            .fields(definition)
            .iter()
            .find(|field| field.name == name);
        assert!(field.is_some(), "{definition}.{name} is not described");
        let alone = ALONE.iter().any(|one| one.covers(definition));
        assert!(tried.contains(definition) || alone, "{definition} is in no body");
    }
}
