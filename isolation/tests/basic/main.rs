//! The basic engine, and the manager on top of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so

mod bundle; // bundles of a failure
mod choices; // which engine is chosen, and why the others are not
mod client; // a client of `serve`
mod destroy; // what commands leave behind, and what a removal must not touch
mod ended_log; // the log of a main process that has ended
mod engine;
mod facets; // what an engine does not do, reports late, or only claims
mod least_engine; // an engine with only the required methods
mod limits; // the engine: directories, process groups, daemons
mod manager; // the manager: choice of an engine, events, cleanup
mod reports; // reports of an engine about calls of the same manager
mod scripted; // an engine that does what a test tells it
mod serve; // engines for a client in another language
mod serve_life; // creations of such a client, and what it sends to a command that takes no signal
mod serve_requests; // single requests of such a client, and what each answers
mod serve_texts; // texts of any length in the requests of such a client
mod snapshots; // snapshots, restores, forks
