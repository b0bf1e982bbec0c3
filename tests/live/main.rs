//! What only real engines can show: `cargo test -p tests --test live`.
//!
//! The engines are those of `ENGINES=name=address,…`, or the one of `DOCKER_HOST`; without either, every
//! test fails and says so. They need the image `busybox:latest`. Nothing is pulled, and nothing is left.
//!
//! `cargo test --workspace` does not run these.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too; clippy exempts only the functions marked so

mod cluster; // swarms of more than one engine, and engines that are restarted
mod isolation; // the docker engine: what every engine must do, and what is particular to containers
mod logs; // logs by time, by number of lines, with details, and followed
mod removal; // containers that many remove at once, and those found by name
mod scenarios; // what users do, as in the recordings
mod support; // which engines there are, and a test on each
mod tls; // an engine that wants certificates
