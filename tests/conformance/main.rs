//! What this project declares, beside what the vendor describes (`fixtures/spec`).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too

mod exceptions; // where the description, or a type of ours, is knowingly not like the other
mod facts; // the tables of the description
mod lost; // what a value lost on its way through one of our types
mod sample; // values that set all that a definition has

mod fields; // every field that is described is in our types, and every word in our enums
mod operations; // each declared operation has the id, method, path and codes of the description
