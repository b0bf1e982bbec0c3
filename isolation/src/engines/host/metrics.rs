//! The resource usage of an environment without a control group.

use std::sync::Arc;

use super::blocking;
use super::cgroup::Cgroup;
use super::instance::HostInstance;
use super::process_usage;
use crate::BoxFuture;
use crate::engine::instance::Metrics;
use crate::error::Result;
use crate::metrics::MetricsSample;

impl HostInstance {
    /// The usage that its control group counts, or the sum over its processes.
    pub(super) fn measured(&self) -> Option<&dyn Metrics> {
        match self.cgroup.as_ref().filter(|group| group.measures()) {
            Some(group) => Some(group),
            None => process_usage::is_possible().then_some(self),
        }
    }
}

impl Metrics for HostInstance {
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>> {
        Box::pin(async move {
            self.check_exists()?;
            let (processes, usage) = (self.processes(), Arc::clone(&self.usage));
            let limits = self.cgroup.as_ref().map(Cgroup::limits).unwrap_or_default();
            blocking(self.engine, move || Ok(usage.sample(processes.pids(), &limits))).await
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::instance::tests::begun;
    use super::*;
    use crate::engine::instance::Instance;

    #[tokio::test]
    async fn processes_without_a_group_are_summed() {
        let base = tempfile::tempdir().unwrap();
        let mut instance = begun(base.path());
        let group = instance.cgroup.take();
        let mut process = std::process::Command::new("sleep")
            .arg("1000")
            .current_dir(instance.directory().root())
            .spawn()
            .unwrap();
        let sample = async |instance: &HostInstance| instance.metrics().unwrap().sample().await.unwrap();
        // Its directory changes after it was created.
        let running = loop {
            let sample = sample(&instance).await;
            if sample.processes > 0 {
                break sample;
            }
        };
        assert!(running.is_approximate && running.processes == 1, "{running:?}");
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(sample(&instance).await.processes, 0);
        instance.cgroup = group;
        instance.destroy_blocking(std::time::Duration::ZERO);
        assert!(instance.sample().await.is_err(), "it is lost");
    }
}
