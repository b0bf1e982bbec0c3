//! The engine itself: whether it answers, what it is, what happens in it.

mod ping;

pub use ping::Ping;

use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::Headers;
use crate::wire::operation::{Operation, OperationFacts};

static PING: Operation<Headers> = Operation::get("SystemPing", "/_ping");
static PING_HEAD: Operation<Headers> = Operation::head("SystemPingHead", "/_ping");

pub(crate) static OPERATIONS: [&OperationFacts; 2] = [&PING.facts, &PING_HEAD.facts];

/// Calls on the engine as a whole; see [`Docker::system`].
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The engine as a whole.
    pub fn system(&self) -> System<'_> {
        System { docker: self }
    }
}

impl System<'_> {
    /// Asks whether the engine answers; `GET /_ping`, without a version.
    pub async fn ping(&self) -> Result<Ping> {
        self.docker
            .call(&PING)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }

    /// As [`System::ping`], by `HEAD /_ping`: a failure comes without the engine's words.
    pub async fn ping_head(&self) -> Result<Ping> {
        self.docker
            .call(&PING_HEAD)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }
}
