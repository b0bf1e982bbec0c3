//! Compares this project with the vendor's description of the API (`fixtures/spec`), and the
//! repository with its own documents.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too

mod calls; // calls every operation that has parameters, with every field set

/// The vendor's description, and helpers to compare with it.
mod spec {
    pub(crate) mod definition_paths; // the paths in a body that lead to a definition
    pub(crate) mod exceptions; // where the description and our types differ on purpose
    pub(crate) mod round_trip_loss; // the fields that a value loses on its way through one of our types
    pub(crate) mod sample; // values with every field of a definition set
    pub(crate) mod spec_tables; // the tables in `fixtures/spec`
}

mod api_changes; // additions, removals and changes between the API versions
mod debug_redaction; // `Debug` shows no secret
mod fake_engine; // the fake engine drops no described field or parameter silently
mod fields; // our types have every described field, and our enums every described word
mod nullable; // a value that is null or missing is empty
mod operations; // each declared operation has the described id, method, path and status codes
mod parameters; // every described parameter is sent, and no other
mod spec_examples; // every example of the description can be read without loss
mod unsupported_versions; // a field that a version does not know is rejected before the request is sent

/// The documents and the sources of the repository.
mod repository {
    mod coverage; // the tables of which operations were recorded on which engines
    mod examples_listed; // each module opens with an example, and each program in `examples` is listed
    mod import_circles; // modules do not import each other in a circle
    mod links; // relative links in documents lead to files, inside the published package
    mod prose; // nouns are the subjects of sentences
    mod style; // the rules of CONTRIBUTING.md that a program can check
}
