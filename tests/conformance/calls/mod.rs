//! Calls every operation that has parameters, with every field set.
//!
//! The options are written in full, without `..Default::default()`: this file does not compile
//! until a new field is set here.

pub(crate) mod bodies;
mod builds;
mod cluster;
mod containers;
mod filters;
mod images;
mod swarm;
mod system;
pub(crate) mod version_gates;

use engine_api::auth::RegistryAuth;
use engine_api::common::{OciPlatform, StringList};
use engine_api::{Docker, Result, Version, operations};
use fake_engine::scripted::{MULTIPLEXED, Request, ScriptedEngine, ok, reply, upgraded};
use serde::de::DeserializeOwned;
use tests::types::operation;

use crate::spec::sample::Sample;
use crate::spec::spec_tables::Description;

/// The requests of all calls, each with its operation.
pub(crate) async fn sent() -> Vec<(&'static str, Request)> {
    let fake = engine();
    let docker = fake.client().with_version(Version::new(1, 56));
    all(&docker).await.unwrap();
    let requests = fake.received().into_iter();
    requests.map(|request| (called(&request), request)).collect()
}

/// An engine that accepts every request, and replies with an empty value.
pub(crate) fn engine() -> ScriptedEngine {
    ScriptedEngine::answering(answer)
}

async fn all(docker: &Docker) -> Result<()> {
    containers::life(docker).await?;
    containers::look(docker).await?;
    containers::output(docker).await?;
    containers::files(docker).await?;
    images::store(docker).await?;
    images::transfer(docker).await?;
    builds::build(docker).await?;
    builds::cache(docker).await?;
    system::volumes(docker).await?;
    system::networks(docker).await?;
    system::engine(docker).await?;
    system::plugins(docker).await?;
    cluster::services(docker).await?;
    cluster::nodes(docker).await?;
    cluster::data(docker).await?;
    swarm::swarm(docker).await
}

/// The operation that a request calls.
pub(crate) fn called(request: &Request) -> &'static str {
    let path = request.target.split('?').next().unwrap();
    operation(&request.method, path).unwrap_or_else(|| panic!("{path} is not the path of an operation"))
}

/// A reply that every call accepts: an empty value of the shape of the operation.
fn answer(request: &Request) -> Vec<u8> {
    // base64 of `{"name":"etc"}`
    let stat = "X-Docker-Container-Path-Stat: eyJuYW1lIjoiZXRjIn0=";
    let called = called(request);
    let facts = operations().find(|facts| facts.id == called).unwrap();
    match facts.reply {
        "json" => ok("null"),
        "output" => reply(200, &[MULTIPLEXED], ""),
        "duplex" => upgraded(&[MULTIPLEXED]),
        _ => reply(200, &[stat], ""),
    }
}

/// A value of our type with every field that the newest version describes.
fn full<T: DeserializeOwned>(definition: &'static str) -> T {
    let described = Description::of("1.56");
    let sample = Sample::of(&described, definition, 0).to_string();
    engine_api::from_json(sample.as_bytes()).unwrap()
}

fn auth() -> RegistryAuth {
    RegistryAuth {
        username: "alice".into(),
        password: "s3cret".into(),
        email: "alice@example.com".into(),
        server_address: "registry.example.com".into(),
        identity_token: "identity".into(),
        registry_token: "registry".into(),
        auth: "YWxpY2U6czNjcmV0".into(),
    }
}

/// Two platforms, to show how a list is written.
fn platforms() -> Vec<OciPlatform> {
    ["amd64", "arm64"].map(platform).into()
}

fn platform(architecture: &str) -> OciPlatform {
    OciPlatform {
        architecture: architecture.into(),
        os: "linux".into(),
        os_version: "1".into(),
        os_features: vec!["f".into()],
        variant: "v8".into(),
    }
}

/// Two strings, to show how a list is written.
fn two() -> StringList {
    ["a", "b"].into()
}
