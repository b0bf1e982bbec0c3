//! Tests on real engines: `cargo test -p tests --test live`.
//!
//! The engines are those of `ENGINES=name=address,…`, or the one of `DOCKER_HOST`. Without either,
//! every test fails. The engines need the image `busybox:latest`. The tests pull nothing and leave
//! nothing behind.
//!
//! Tests that need a registry, an engine with TLS or a swarm are ignored; `--include-ignored` runs
//! them, and without their environment variable they fail. `tests/README.md` lists the variables.
//!
//! `cargo test --workspace` does not run these.

#![cfg(unix)]
// Helpers of tests are tests too; clippy exempts only the functions that are marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod build_session; // builds by BuildKit that ask the client for secrets, agents, credentials and files
mod cluster; // swarms of more than one engine, and engines that restart
mod dockerignore; // the files of a build context that are in the image
mod isolation; // the docker engine of `isolation`
mod logs; // logs by time, by number of lines, with details, and followed
mod proxy; // an engine behind a proxy that refuses a part of the API
mod recorded_client; // the typed client, recorded and replayed
mod recorder; // HTTP written by hand, recorded twice and replayed
mod removal; // concurrent removals, and the search by name
mod scenarios; // the scenarios that are also recorded
mod second_try; // second tries with newer credentials
mod ssh; // an engine behind a real sshd
mod support; // the engines to test with
mod tls; // an engine that requires client certificates
mod token_registry; // a registry that demands bearer tokens
