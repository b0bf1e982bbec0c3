//! Every example of the description can be read without loss.

use serde_json::{Value, json};

use super::fields::{Root, roots};
use crate::spec::definition_paths::{Place, places};
use crate::spec::exceptions::{ALONE, Differences, EXAMPLES, FIELDS};
use crate::spec::round_trip_loss::Comparison;
use crate::spec::spec_tables::Description;

/// Decodes an example into our type of a body, and collects the differences.
fn pass(
    described: &Description,
    root: &Root,
    place: &Place,
    what: &str,
    example: Value,
    wrong: &mut Differences,
) {
    let before = place.wrap(example);
    let of = format!("{} of {}", root.name, described.version);
    match (root.round_trip)(before.to_string().as_bytes()) {
        Ok(kept) => {
            let lost = Comparison::of(described, root.kind, &before, &kept.encoded);
            for lost in lost
                .into_iter()
                .filter(|lost| !FIELDS.iter().any(|one| one.covers(lost)))
            {
                wrong.add(lost, &of);
            }
        }
        Err(error) => wrong.add(what, format!("{of}: {error}")),
    }
}

#[test]
fn every_example_can_be_read() {
    let mut wrong = Differences::default();
    let mut passed = 0;
    for described in Description::all() {
        let examples: Vec<_> = described.examples().collect();
        for root in roots(&described) {
            let places = places(&described, root.kind);
            for [definition, field, text] in &examples {
                let of_all = root.name.replace(' ', ".") == *definition;
                let Some(place) = of_all
                    .then(Place::default)
                    .or_else(|| places.get(definition).cloned())
                else {
                    continue;
                };
                let example: Value = serde_json::from_str(text).unwrap();
                let (what, example) = match *field {
                    "" => ((*definition).to_owned(), example),
                    field => (format!("{definition}.{field}"), json!({ field: example })),
                };
                pass(&described, &root, &place, &what, example, &mut wrong);
                passed += 1;
            }
        }
    }
    assert!(passed > 2000, "only {passed} examples were tried");
    wrong.are_only(EXAMPLES);
}

#[test]
fn every_example_is_tried() {
    for described in Description::all() {
        let roots = roots(&described);
        let all: Vec<_> = roots
            .iter()
            .map(|root| (root.name.replace(' ', "."), places(&described, root.kind)))
            .collect();
        for [definition, field, _] in described.examples() {
            let tried = all
                .iter()
                .any(|(name, places)| name == definition || places.contains_key(definition));
            let alone = ALONE.iter().any(|one| one.covers(definition));
            assert!(tried || alone, "{definition}.{field} of {}", described.version);
        }
    }
}
