//! List the attestations of an image: its build and its contents.

use serde::{Deserialize, Serialize};

use super::Images;
use super::platform;
use crate::common::{OciDescriptor, OciPlatform};
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static ATTESTATIONS: Operation<Json<Vec<Attestation>>> =
    Operation::get("ImageAttestations", "/images/{name}/attestations")
        .since(Version::new(1, 55))
        .slashes();

impl Images<'_> {
    /// Lists the attestations of an image.
    pub async fn attestations(&self, image: &str, options: ListAttestations) -> Result<Vec<Attestation>> {
        self.docker
            .call(&ATTESTATIONS)
            .at(image)
            .query(options.query())
            .send()
            .await
    }
}

/// Which attestations to list. Since API 1.55.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListAttestations {
    /// The platform of the image; `None` is the engine's own.
    pub platform: Option<OciPlatform>,
    /// The requested predicate types, such as `https://slsa.dev/provenance/v0.2`; empty for all.
    pub types: Vec<String>,
    /// Include the statements themselves.
    pub statement: bool,
}

impl ListAttestations {
    fn query(&self) -> Query {
        Query::new()
            .maybe("platform", self.platform.as_ref().map(platform::as_json))
            .each("type", &self.types)
            .flag("statement", self.statement)
    }
}

/// A statement about an image. Definition `AttestationStatement`. Since API 1.55.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Attestation {
    /// The descriptor of the stored statement.
    pub descriptor: OciDescriptor,
    /// The predicate type of the statement: a URI.
    pub predicate_type: String,
    /// The in-toto statement, if it was requested.
    pub statement: Option<serde_json::Value>,
}
