//! The resource usage of an environment, with a control group and without one.

use std::time::Duration;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{Engine, Environment, MetricsKind, MetricsSample};

use crate::support::{Fixture, as_ordinary_user, as_user_with_others, printed, rustix_is_root, sh};

/// The memory that a process of the test holds.
const HELD: u64 = 16 << 20;

/// A sample for which this is true.
async fn measured(environment: &Environment, is_it: impl Fn(&MetricsSample) -> bool) -> MetricsSample {
    let mut sample = environment.metrics().await.unwrap();
    let mut rounds = 0;
    while !is_it(&sample) {
        assert!(rounds < 2000, "{sample:?}");
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        sample = environment.metrics().await.unwrap();
    }
    sample
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_measured_for_every_user() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let probe = SandboxEngine::below(fixture.base.path()).probe().await;
    let kind = probe.capabilities.values().metrics.unwrap();
    let environment = fixture.environment().await;
    let idle = environment.metrics().await.unwrap();
    assert_eq!(idle.is_approximate, kind == MetricsKind::Approximate);
    // The CPU time of commands that have ended is counted.
    let mut rounds = 0;
    while environment.metrics().await.unwrap().cpu_time < idle.cpu_time + Duration::from_millis(100) {
        let busy = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done";
        assert!(sh(&environment, busy).await.exit.success());
        rounds += 1;
        assert!(rounds < 1000, "the CPU time of commands is lost");
    }
    let script = format!(
        "sh -c 'held=$(head -c {HELD} /dev/zero | tr \"\\0\" a); echo held >held; exec sleep 1000 & wait' \
         >/dev/null 2>&1 & echo $!"
    );
    let pid = printed(&environment, &script).await;
    let is_full =
        |sample: &MetricsSample| sample.memory > idle.memory + HELD && sample.processes >= idle.processes + 2;
    let full = measured(&environment, is_full).await;
    assert!(full.cpu_time >= idle.cpu_time, "{idle:?} {full:?}");
    printed(&environment, &format!("kill -9 {pid}")).await;
    let after = measured(&environment, |sample| sample.memory < idle.memory + HELD).await;
    assert!(after.cpu_time >= full.cpu_time, "{full:?} {after:?}");
    let history = environment.metrics_history();
    assert!(
        history
            .iter()
            .all(|one| one.is_approximate == idle.is_approximate)
    );
    environment.stop(Duration::ZERO).await.unwrap();
    environment.metrics().await.unwrap_err();
    environment.destroy().await.unwrap();
}

#[test]
fn usage_as_an_ordinary_user() {
    as_ordinary_user("metrics::usage_is_measured_for_every_user");
}

#[test]
fn usage_as_a_user_with_others() {
    as_user_with_others("metrics::usage_is_measured_for_every_user");
}

/// The capability shows which kind it is: an ordinary user may create a group only where one was
/// delegated to it, which version 1 does not have.
#[tokio::test]
async fn kind_of_metrics_is_a_capability() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let probe = SandboxEngine::below(fixture.base.path()).probe().await;
    let kind = probe.capabilities.values().metrics.unwrap();
    let is_separate = std::path::Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists();
    if is_separate && !rustix_is_root() {
        assert_eq!(kind, MetricsKind::Approximate);
    }
    let json = serde_json::to_value(&probe.capabilities).unwrap();
    assert_eq!(json["values"]["metrics"], kind.to_string());
}

#[test]
fn kind_of_metrics_as_an_ordinary_user() {
    as_ordinary_user("metrics::kind_of_metrics_is_a_capability");
}
