//! The state that all calls of one client share: connections, timeouts and the API version.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::extra::Extra;
use super::negotiate::{Engine, Negotiation};
use super::send::Wire;
use super::single_flight::SingleFlight;
use crate::connect::Connector;
use crate::error::Result;
use crate::reply_limits::ReplyLimits;
use crate::timeouts::Timeouts;
use crate::version::Version;

/// The state of a client. Clones share connections and the negotiated version.
#[derive(Clone)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    pub(crate) timeouts: Timeouts,
    pub(crate) reply_limits: ReplyLimits,
    pub(crate) extra: Extra,
    /// The version that the user has set; then the engine is not asked.
    pub(crate) pinned_version: Option<Version>,
}

struct Shared {
    wire: Wire,
    engine: OnceCell<Engine>,
    pulls: SingleFlight,
}

impl Session {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        let shared = Shared {
            wire: Wire::new(connector),
            engine: OnceCell::new(),
            pulls: SingleFlight::default(),
        };
        Self {
            shared: Arc::new(shared),
            timeouts: Timeouts::default(),
            reply_limits: ReplyLimits::default(),
            extra: Extra::default(),
            pinned_version: None,
        }
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.shared.wire
    }

    /// The pulls of images that are in progress.
    pub(crate) fn pulls(&self) -> &SingleFlight {
        &self.shared.pulls
    }

    /// The version in use, if it is known without asking the engine.
    pub(crate) fn known_version(&self) -> Option<Version> {
        self.pinned_version
            .or_else(|| self.shared.engine.get().map(|engine| engine.version))
    }

    /// The facts that the engine has reported; `None` if it was not asked, for example because the
    /// user has set the version.
    pub(crate) fn negotiated(&self) -> Option<&Engine> {
        self.shared.engine.get()
    }

    /// Whether the version in use is the oldest one because a proxy refuses all requests for the
    /// version.
    pub(crate) fn version_is_assumed(&self) -> bool {
        self.pinned_version.is_none() && self.shared.engine.get().is_some_and(|engine| engine.assumed)
    }

    /// The version in use; asks the engine once. After a failure, the next call asks again.
    pub(crate) async fn version(&self) -> Result<Version> {
        if let Some(version) = self.known_version() {
            return Ok(version);
        }
        let negotiation = Negotiation {
            wire: self.wire(),
            timeouts: &self.timeouts,
            limits: &self.reply_limits,
            extra: &self.extra,
        };
        // Boxed, because it is large and runs once per client.
        let engine = self.shared.engine.get_or_try_init(|| Box::pin(negotiation.run()));
        Ok(engine.await?.version)
    }
}
