//! The fields of request and reply bodies.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::images::Progress;
use engine_api::operations;
use tests::types::{REPLIES, REQUESTS, RoundTrip, through};

use crate::spec::exceptions::{ALONE, BODIES, Differences, FIELDS, WORDS};
use crate::spec::round_trip_loss::Comparison;
use crate::spec::sample::{ROUNDS, Sample};
use crate::spec::spec_tables::{Description, Kind};

/// A body of an operation: its type in the description, and our type.
pub(crate) struct Root {
    /// The operation and the side, such as `ContainerList reply`.
    pub(crate) name: String,
    /// The type.
    pub(crate) kind: &'static str,
    /// The round trip through our type.
    pub(crate) round_trip: RoundTrip,
}

/// The values of a stream of progress; no reply has this schema.
const IN_STREAMS: [(&str, RoundTrip); 3] = [
    ("BuildInfo", through::<Progress>),
    ("CreateImageInfo", through::<Progress>),
    ("PushImageInfo", through::<Progress>),
];

/// Every JSON body of a description that has a type, and the values of streams.
pub(crate) fn roots(described: &Description) -> Vec<Root> {
    let root = |[operation, side, kind]: [&'static str; 3]| {
        let table = if side == "body" { REQUESTS } else { REPLIES };
        let found = table.iter().find(|(id, _)| *id == operation)?;
        Some(Root {
            name: format!("{operation} {side}"),
            kind,
            round_trip: found.1,
        })
    };
    let in_streams = IN_STREAMS.map(|(kind, round_trip)| Root {
        name: kind.to_owned(),
        kind,
        round_trip,
    });
    described.bodies().filter_map(root).chain(in_streams).collect()
}

#[test]
fn every_json_body_has_a_type() {
    let shapes: BTreeMap<&str, &str> = operations().map(|facts| (facts.id, facts.reply)).collect();
    let mut without = Differences::default();
    for described in Description::all() {
        let with: BTreeSet<String> = roots(&described).into_iter().map(|root| root.name).collect();
        for [operation, side, kind] in described.bodies() {
            let json = side == "body"
                || shapes
                    .get(operation)
                    .is_some_and(|shape| shape.starts_with("json"));
            let text = kind == "string" && !(json && side == "reply");
            let name = format!("{operation} {side}");
            if !text && !with.contains(&name) {
                without.add(name, described.version);
            }
        }
    }
    without.are_only(BODIES);
}

#[test]
fn no_described_field_is_lost() {
    let mut lost = Differences::default();
    for described in Description::all() {
        for root in roots(&described) {
            for round in 0..ROUNDS {
                let before = Sample::of(&described, root.kind, round);
                let whats = match (root.round_trip)(before.to_string().as_bytes()) {
                    Ok(kept) => Comparison::of(&described, root.kind, &before, &kept.encoded),
                    Err(error) => BTreeSet::from([error]),
                };
                for what in whats {
                    lost.add(what, format!("{} of {}", root.name, described.version));
                }
            }
        }
    }
    lost.are_only(FIELDS);
}

#[test]
fn every_described_word_is_known() {
    let mut unknown = Differences::default();
    for described in Description::all() {
        let fields = described.definitions().flat_map(|name| described.fields(name));
        let lists: Vec<&[&str]> = fields.map(|field| field.words.as_slice()).collect();
        let words: BTreeSet<&str> = lists.iter().copied().flatten().copied().collect();
        let most = lists.iter().map(|words| words.len()).max().unwrap();
        for root in roots(&described) {
            for round in 0..most {
                let sample = Sample::of(&described, root.kind, round).to_string();
                let Ok(kept) = (root.round_trip)(sample.as_bytes()) else {
                    continue; // reported by the test above
                };
                let others = kept.shown.split("Other(").skip(1);
                let others = others.map(|rest| rest.split(')').next().unwrap().trim_matches('"'));
                for word in others.filter(|word| words.contains(word)) {
                    unknown.add(word, format!("{} of {}", root.name, described.version));
                }
            }
        }
    }
    unknown.are_only(WORDS);
}

#[test]
fn every_definition_is_part_of_a_body() {
    let mut alone = Differences::default();
    for described in Description::all() {
        let mut ahead: Vec<&str> = roots(&described).iter().map(|root| root.kind).collect();
        let mut seen = BTreeSet::new();
        while let Some(kind) = ahead.pop() {
            match Kind::of(kind) {
                Kind::List(inner, _) | Kind::Map(inner) => ahead.push(inner),
                Kind::Definition(name) if seen.insert(name) => {
                    ahead.extend(described.fields(name).iter().map(|field| field.kind));
                }
                _ => {}
            }
        }
        for name in described.definitions().filter(|name| !seen.contains(name)) {
            alone.add(name, described.version);
        }
    }
    alone.are_only(ALONE);
}
