//! The basic engine, and the manager on top of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so

mod engine; // what is particular to the engine: folders, groups, daemons
mod manager; // choice, events, clean-up
