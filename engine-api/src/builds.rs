//! Builds under way.
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

/// Calls on builds under way; see [`Docker::builds`].
#[derive(Debug, Clone, Copy)]
pub struct Builds<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The builds that this engine is at.
    pub fn builds(&self) -> Builds<'_> {
        Builds { docker: self }
    }
}

impl Builds<'_> {
    /// Stops a build by BuildKit, by the id that it was started with (`buildid`); one that is not
    /// there is no error. The API description does not mention this call, and Podman has no such
    /// route.
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
