//! Tests that need no engine and no network: a scripted one does what engines do, and what they should not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers are tests, too

mod help;

mod bad_input; // the list of what callers and engines get wrong, and what has no better place
mod behaviour; // what only an engine with a state can show
mod cluster; // swarms of more than one engine, replayed
mod contexts; // build contexts from a disk that plays tricks
mod engine; // the fake engine behaves as the real one has behaved
mod errors; // whatever an engine answers that is no success, and what the caller is told
mod events; // events that go on after the engine was lost
mod foreign; // programs that are not ours, recorded
mod heads; // replies whose head is odd, broken or endless
mod hijack; // connections taken over: both ways, half-close, bytes that come together with the head
mod isolation; // environments on the fake engine, where anything goes wrong at any point
mod json; // values that are null, absent, unknown or broken
mod keep_alive; // connections are kept, and nothing is sent twice
mod leaks; // what is dropped halfway leaves nothing behind
mod limits; // the limits of a call, on the paused clock
mod lines; // JSON values one after the other, in whatever pieces
mod mutated; // every recorded scenario on connections that misbehave
mod names; // names and paths that would lead elsewhere
mod output; // how a process's output is cut into chunks, and where it was cut off
mod patience; // engines that take their time, on the paused clock
mod podman; // every difference that the document tells is recorded
mod progress; // failures that come inside a stream of progress
mod pull; // pulls that are tried again, and pulls that are not
mod recorded; // what the recordings hold: every operation, and no key that our types lose
mod run; // commands and containers run to their end in one call
mod runtimes; // one client in many runtimes
mod scenarios; // what users do, replayed from every engine it was recorded on
mod secrets; // planted secrets appear in no error and no Debug text
mod section_d; // twelve situations that two widely used clients get wrong
mod ssh; // engines behind ssh
mod stale; // updates that meet a newer state
mod stream_limits; // the limits of what comes after the head
mod tls; // both sides show who they are
mod upload; // archives sent to an engine that may answer early
mod versions; // which API version is spoken
