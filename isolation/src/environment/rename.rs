//! Renames an environment.

use super::shared::Shared;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::spec::validate;

impl Environment {
    /// Gives it another name: up to 64 letters, digits, '-', '_' and '.'. Its ID stays, and so does
    /// its name on networks.
    ///
    /// # Errors
    ///
    /// An error of the kind [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name. A
    /// shared environment cannot be renamed: other processes find it by its name.
    pub async fn rename(&self, name: &str) -> Result<()> {
        self.shared().rename(name).await
    }
}

impl Shared {
    async fn rename(&self, name: &str) -> Result<()> {
        let renamed = self.do_rename(name).await;
        self.report("rename the environment", self.name(), renamed)
            .await?;
        if self.name.change(name) {
            let name = name.to_owned();
            self.emit(EventKind::Renamed { name });
        }
        Ok(())
    }

    async fn do_rename(&self, name: &str) -> Result<()> {
        validate::name(name)?;
        checks::exists(self.status())?;
        if self.usage.is_some() {
            let why = "it is shared: other processes find it by its name; create one that is kept";
            return Err(Error::invalid(why));
        }
        match self.instance.rename() {
            Some(renaming) => self.answered(renaming.rename(name)).await,
            None => Err(self.no_facet(Feature::Rename)),
        }
    }
}
