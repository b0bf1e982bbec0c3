//! The built command, run as users run it. Nothing here needs an engine or a network.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so

#[cfg(unix)]
mod at_once; // several programs at the same time, recorded and replayed
mod bench; // starts the command in a place of its own
#[cfg(unix)]
mod engine; // an engine of a few lines
mod engines; // `isolate engines`
mod errors; // what is refused, and how it is told
#[cfg(unix)]
mod fixtures; // `isolate fixtures`
mod look; // `isolate doctor`, `isolate api`
#[cfg(unix)]
mod no_engine; // `isolate fixtures` where none answers
#[cfg(unix)]
mod no_recording; // files that are none
mod replay; // the command on recordings of real engines
mod run; // `isolate run` on the engine that needs nothing
mod signals; // what ends a run early
