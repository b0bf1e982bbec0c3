//! What this project declares, beside what the vendor describes (`fixtures/spec`).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too

mod calls; // every operation with parameters, called with everything set
mod exceptions; // where the description, or a type of ours, is knowingly not like the other
mod facts; // the tables of the description
mod lost; // what a value lost on its way through one of our types
mod places; // where in a body a definition is
mod sample; // values that set all that a definition has

mod coverage; // which operations were recorded on which engines, in the tables that the repository keeps
mod drift; // what came, went and changed its meaning between the versions
mod examples; // every example of the description can be read, and nothing of it is lost
mod fields; // every field that is described is in our types, and every word in our enums
mod hidden; // no secret in what `Debug` shows
mod nullable; // what is null or missing is empty
mod operations; // each declared operation has the id, method, path and codes of the description
mod parameters; // every parameter that is described is sent, and no other
mod shown; // what a reader is shown: examples in modules and in folders
mod since; // what a version does not have is refused before it is sent
