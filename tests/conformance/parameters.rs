//! Every described parameter is sent by a call, and no other.

use std::collections::{BTreeMap, BTreeSet};

use fake_engine::scripted::Request;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::calls::sent;
use crate::spec::exceptions::{Differences, FILTERS, NOT_DESCRIBED, NOT_REPEATED, NOT_SENT};
use crate::spec::round_trip_loss::Comparison;
use crate::spec::sample::Sample;
use crate::spec::spec_tables::Description;

/// The names of a request's parameters, each with the number of times it occurs: `name` of the
/// query, and `Name:` of the headers that belong to the operation.
fn parameters(request: &Request) -> BTreeMap<String, usize> {
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        assert!(!value.is_empty(), "{name} of {} says nothing", request.target);
        name.to_owned()
    });
    let headers = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let headers = headers.filter(|name| name.starts_with("x-") || name == "content-type");
    let mut found = BTreeMap::new();
    for name in query.chain(headers.map(|name| format!("{name}:"))) {
        *found.entry(name).or_default() += 1;
    }
    found
}

/// The name of a described parameter, in the form of [`parameters`].
fn written(place: &str, name: &str) -> String {
    match place {
        "header" => format!("{}:", name.to_ascii_lowercase()),
        _ => name.to_owned(),
    }
}

#[tokio::test]
async fn described_parameters_are_sent() {
    let sent = sent().await;
    let sent: BTreeSet<String> = sent
        .iter()
        .flat_map(|(operation, request)| {
            parameters(request)
                .into_keys()
                .map(move |name| format!("{operation} {name}"))
        })
        .collect();
    let mut missing = Differences::default();
    for described in Description::all() {
        for [operation, place, name, _] in described.parameters() {
            let what = format!("{operation} {}", written(place, name));
            if !sent.contains(&what) {
                missing.add(what, described.version);
            }
        }
    }
    missing.are_only(NOT_SENT);
}

#[tokio::test]
async fn sent_parameters_are_described() {
    let all: Vec<Description> = Description::all().collect();
    let described: BTreeSet<String> = all
        .iter()
        .flat_map(Description::parameters)
        .map(|[operation, place, name, _]| format!("{operation} {}", written(place, name)))
        .collect();
    let mut extra = Differences::default();
    for (operation, request) in sent().await {
        // Headers that describe the body belong to no operation.
        let names = parameters(&request)
            .into_keys()
            .filter(|name| name != "content-type:");
        for what in names.map(|name| format!("{operation} {name}")) {
            if !described.contains(&what) {
                extra.add(what, request.target.split('?').next().unwrap());
            }
        }
    }
    extra.are_only(NOT_DESCRIBED);
}

#[tokio::test]
async fn lists_are_keys_that_are_repeated() {
    let sent = sent().await;
    let mut once = Differences::default();
    for described in Description::all() {
        for [operation, _, name, kind] in described.parameters() {
            let most = sent.iter().filter(|(id, _)| *id == operation);
            let most = most
                .filter_map(|(_, request)| parameters(request).get(name).copied())
                .max();
            if kind == "array" && most == Some(1) {
                once.add(format!("{operation} {name}"), described.version);
            }
        }
    }
    once.are_only(NOT_REPEATED);
}

/// The keys of a request's filters.
fn filters(request: &Request) -> BTreeSet<String> {
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("filters=")) else {
        return BTreeSet::new();
    };
    let text = percent_decode_str(text).decode_utf8().unwrap();
    let filters: BTreeMap<String, Vec<String>> = serde_json::from_str(&text).unwrap();
    filters.into_keys().collect()
}

#[tokio::test]
async fn filters_are_those_of_the_description() {
    let sent: BTreeSet<String> = sent()
        .await
        .iter()
        .flat_map(|(operation, request)| {
            filters(request)
                .into_iter()
                .map(move |key| format!("{operation} {key}"))
        })
        .collect();
    let all: Vec<Description> = Description::all().collect();
    let described = all.iter().flat_map(Description::filters);
    let described: BTreeSet<String> = described
        .map(|[operation, key]| format!("{operation} {key}"))
        .collect();
    let mut different = Differences::default();
    for key in described.difference(&sent) {
        different.add(key, "the description");
    }
    for key in sent.difference(&described) {
        different.add(key, "our types");
    }
    different.are_only(FILTERS);
}

#[tokio::test]
async fn bodies_that_are_only_written_have_every_field() {
    let sent = sent().await;
    for described in Description::all() {
        for name in ["SwarmInit", "SwarmJoin"] {
            let (_, request) = sent.iter().find(|(operation, _)| *operation == name).unwrap();
            let after: Value = serde_json::from_slice(&request.body).unwrap();
            let [_, _, kind] = described
                .bodies()
                .find(|[id, side, _]| (*id, *side) == (name, "body"))
                .unwrap();
            let before = Sample::of(&described, kind, 0);
            let mut lost = Comparison::of(&described, kind, &before, &after);
            lost.retain(|what| !what.contains(" became ")); // the values differ
            assert!(lost.is_empty(), "{name} of {}: {lost:?}", described.version);
        }
    }
}
