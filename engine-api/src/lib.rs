//! A typed client for the Docker Engine HTTP API, written by hand.

pub mod common;
