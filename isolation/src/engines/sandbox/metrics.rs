//! The resource usage of an environment without a control group.

use std::sync::Arc;

use super::NAME;
use super::instance::SandboxInstance;
use crate::BoxFuture;
use crate::engine::instance::Metrics;
use crate::engines::host::blocking;
use crate::engines::host::cgroup::Cgroup;
use crate::engines::host::process_usage;
use crate::error::Result;
use crate::metrics::MetricsSample;

impl SandboxInstance {
    /// The usage that its control group counts, or the sum over its processes.
    pub(super) fn measured(&self) -> Option<&dyn Metrics> {
        match self.sandbox.cgroup.as_ref().filter(|group| group.measures()) {
            Some(group) => Some(group),
            None => process_usage::is_possible().then_some(self),
        }
    }
}

impl Metrics for SandboxInstance {
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>> {
        Box::pin(async move {
            self.check_exists()?;
            let (first, usage) = (self.sandbox.process(), Arc::clone(&self.usage));
            let limits = self
                .sandbox
                .cgroup
                .as_ref()
                .map(Cgroup::limits)
                .unwrap_or_default();
            blocking(NAME, move || {
                let found = first.map(|process| process.tree()).unwrap_or_default();
                Ok(usage.sample(found.into_keys(), &limits))
            })
            .await
        })
    }
}
