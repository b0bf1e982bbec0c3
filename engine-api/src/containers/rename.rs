//! Renaming a container.

use super::Containers;
use super::create::check_name;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static RENAME: Operation<Empty> =
    Operation::post("ContainerRename", "/containers/{id}/rename").success(&[204]);

impl Containers<'_> {
    /// Renames a container.
    pub async fn rename(&self, id: &str, name: &str) -> Result<()> {
        let query = Query::new().text("name", name);
        self.docker
            .call(&RENAME)
            .at(id)
            .query(query)
            .reject_if(check_name(name))
            .send()
            .await
    }
}
