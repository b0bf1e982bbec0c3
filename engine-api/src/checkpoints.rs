//! Checkpoints: the state of a container's processes, stored in files.
//!
//! They need an engine with experimental features and CRIU. Other engines reply 501
//! ([`crate::Error::is_not_implemented`]), and Podman has no such route
//! ([`crate::Error::is_unknown_route`]). The API description does not contain them.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::checkpoints::CreateCheckpoint;
//! use engine_api::containers::StartContainer;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let before = CreateCheckpoint {
//!     checkpoint_id: "before".into(),
//!     exit: true,
//!     ..Default::default()
//! };
//! docker.checkpoints().create("web", before).await?;
//! let from = StartContainer { checkpoint: "before".into(), ..Default::default() };
//! docker.containers().start("web", from).await?;
//! # Ok(())
//! # }
//! ```

use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;

static LIST: Operation<Json<Vec<Checkpoint>>> =
    Operation::get("CheckpointList", "/containers/{id}/checkpoints");
static CREATE: Operation<Empty> = Operation::post("CheckpointCreate", "/containers/{id}/checkpoints")
    .success(&[201])
    .slow();
static REMOVE: Operation<Empty> =
    Operation::delete("CheckpointDelete", "/containers/{id}/checkpoints/{checkpoint}").success(&[204]);

pub(crate) static OPERATIONS: &[&OperationInfo] = &[&LIST.info, &CREATE.info, &REMOVE.info];

/// Calls on checkpoints; see [`Docker::checkpoints`].
#[derive(Debug, Clone, Copy)]
pub struct Checkpoints<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The checkpoints of this engine's containers.
    pub fn checkpoints(&self) -> Checkpoints<'_> {
        Checkpoints { docker: self }
    }
}

impl Checkpoints<'_> {
    /// Lists the checkpoints of a container.
    pub async fn list(&self, container: &str, directory: CheckpointDirectory) -> Result<Vec<Checkpoint>> {
        self.docker
            .call(&LIST)
            .at(container)
            .query(directory.query())
            .send()
            .await
    }

    /// Creates a checkpoint of a running container; [`CreateCheckpoint::exit`] also stops it.
    pub async fn create(&self, container: &str, checkpoint: CreateCheckpoint) -> Result<()> {
        let nameless = checkpoint.checkpoint_id.trim().is_empty();
        self.docker
            .call(&CREATE)
            .at(container)
            .json(&checkpoint)
            .reject_if(nameless.then(|| "the checkpoint has no name; set `checkpoint_id`".into()))
            .send()
            .await
    }

    /// Removes a checkpoint.
    pub async fn remove(
        &self,
        container: &str,
        checkpoint: &str,
        directory: CheckpointDirectory,
    ) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(container)
            .at(checkpoint)
            .query(directory.query())
            .send()
            .await
    }
}

/// The directory of checkpoints. Query of `CheckpointList` and `CheckpointDelete`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointDirectory {
    /// Directory on the host; empty is the engine's default.
    pub dir: String,
}

impl CheckpointDirectory {
    fn query(&self) -> Query {
        Query::new().text("dir", &self.dir)
    }
}

/// A checkpoint to create. Body of `CheckpointCreate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateCheckpoint {
    /// Name of the checkpoint.
    #[serde(rename = "CheckpointID")]
    pub checkpoint_id: String,
    /// Directory of the checkpoint on the host; empty is the engine's default.
    pub checkpoint_dir: String,
    /// Whether the container stops after the checkpoint.
    pub exit: bool,
}

/// A checkpoint in a list. Reply of `CheckpointList`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Checkpoint {
    /// Name of the checkpoint.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn checkpoints_have_the_names_of_the_wire() {
        let create = CreateCheckpoint {
            checkpoint_id: "c".into(),
            checkpoint_dir: "/c".into(),
            exit: true,
        };
        assert_eq!(
            encode(&create).unwrap(),
            br#"{"CheckpointID":"c","CheckpointDir":"/c","Exit":true}"#
        );
        let list: Vec<Checkpoint> = decode(br#"[{"Name":"c"}]"#).unwrap();
        assert_eq!(list[0].name, "c");
        assert!(decode::<Vec<Checkpoint>>(b"null").unwrap().is_empty());
        let directory = CheckpointDirectory { dir: "/c d".into() };
        assert_eq!(directory.query().as_str(), "dir=%2Fc%20d");
    }
}
