//! Running builds.
//!
//! ```no_run
//! # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
//! docker.builds().cancel("nightly").await?;
//! # Ok(())
//! # }
//! ```

use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;

static CANCEL: Operation<Empty> = Operation::post("BuildCancel", "/build/cancel");

pub(crate) static OPERATIONS: &[&OperationInfo] = &[&CANCEL.info];

/// Calls on running builds; see [`Docker::builds`].
#[derive(Debug, Clone, Copy)]
pub struct Builds<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The running builds of this engine.
    pub fn builds(&self) -> Builds<'_> {
        Builds { docker: self }
    }
}

impl Builds<'_> {
    /// Cancels a build of BuildKit, by the ID with which it was started (`buildid`). A build that
    /// does not exist is not an error. The API description does not contain this call, and Podman
    /// has no such route.
    pub async fn cancel(&self, id: &str) -> Result<()> {
        let nameless = id.trim().is_empty();
        self.docker
            .call(&CANCEL)
            .about(id)
            .query(Query::new().set("id", id))
            .reject_if(nameless.then(|| "the id of the build is empty".into()))
            .send()
            .await
    }
}
