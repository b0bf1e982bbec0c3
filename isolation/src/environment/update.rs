//! Changes the limits of an environment.

use super::shared::Shared;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::spec::limits::ResourceLimits;
use crate::spec::validate::Faults;

impl Environment {
    /// Changes the limits that are set; the others stay. It may run. Memory, swap, CPUs, the CPU
    /// set, processes and the block I/O weight can be changed.
    ///
    /// ```no_run
    /// # async fn demo(environment: isolation::Environment) -> isolation::Result<()> {
    /// use isolation::ResourceLimits;
    ///
    /// let limits = ResourceLimits { cpus: Some(0.5), ..ResourceLimits::default() };
    /// environment.update(&limits).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// An error of the kind [`InvalidInput`](crate::ErrorKind::InvalidInput) for a limit that can
    /// be set only at the creation, and of the kind [`Conflict`](crate::ErrorKind::Conflict) if
    /// more memory is in use than the new limit allows.
    pub async fn update(&self, limits: &ResourceLimits) -> Result<()> {
        self.shared().update(limits).await
    }
}

impl Shared {
    async fn update(&self, limits: &ResourceLimits) -> Result<()> {
        let updated = self.do_update(limits).await;
        self.report("update the limits of", self.name(), updated).await?;
        self.emit(EventKind::Updated);
        Ok(())
    }

    async fn do_update(&self, limits: &ResourceLimits) -> Result<()> {
        check(limits)?;
        checks::exists(self.status())?;
        let Some(updates) = self.instance.update() else {
            return Err(self.no_facet(Feature::LimitUpdates));
        };
        let needed = limits.required_features().collect();
        checks::features(&self.engine, &self.capabilities, &needed)?;
        self.answered(updates.update(limits)).await
    }
}

/// Rejects limits that cannot change.
fn check(limits: &ResourceLimits) -> Result<()> {
    let mut faults = Faults::default();
    limits.check(&mut faults);
    let block_io = &limits.block_io;
    let devices = [
        &block_io.read_bps,
        &block_io.write_bps,
        &block_io.read_iops,
        &block_io.write_iops,
    ];
    for (is_set, name) in [
        (limits.disk.is_some(), "disk"),
        (limits.shm_size.is_some(), "shm_size"),
        (!limits.ulimits.is_empty(), "ulimits"),
        (
            devices.iter().any(|rates| !rates.is_empty()),
            "block_io of devices",
        ),
    ] {
        if is_set {
            let why = format!("{name} can be set only at the creation; create another environment");
            faults.add(Err(Error::invalid(why)));
        }
    }
    if *limits == ResourceLimits::default() {
        faults.add(Err(Error::invalid("no limit is given; set at least one")));
    }
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_of_the_creation_cannot_be_updated() {
        for (json, word) in [
            ("{}", "at least one"),
            (r#"{"disk": "1g"}"#, "disk can be set only"),
            (r#"{"shm_size": "1g"}"#, "shm_size"),
            (r#"{"ulimits": {"nofile": 9}}"#, "ulimits"),
            (r#"{"block_io": {"read_bps": {"/dev/sda": 9}}}"#, "devices"),
            (r#"{"memory": 1}"#, "6m"),
        ] {
            let error = check(&serde_json::from_str(json).unwrap()).unwrap_err();
            assert!(error.to_string().contains(word), "{json}: {error}");
        }
        check(&serde_json::from_str(r#"{"block_io": {"weight": 500}, "pids": 9}"#).unwrap()).unwrap();
    }
}
