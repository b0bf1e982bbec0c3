//! Tests of the limits of a container.

use super::*;

fn limits(json: &str) -> ResourceLimits {
    serde_json::from_str(json).unwrap()
}

const SOME: &str = r#"{"memory": "256m", "cpus": 1.5, "pids": 64}"#;

const ALL: &str = r#"{"memory": "256m", "memory_swap": "512m", "cpus": 1.5, "cpuset_cpus": "0-1", "pids": 64,
    "shm_size": "16m", "ulimits": {"nofile": {"soft": 10, "hard": "unlimited"}},
    "block_io": {"weight": 100, "read_bps": {"/dev/sda": 1}, "write_iops": {"/dev/sda": 2}}}"#;

fn host(limits: &ResourceLimits) -> HostConfig {
    let mut host = HostConfig::default();
    write(limits, &mut host).unwrap();
    host
}

#[test]
fn limits_are_written_and_swap_counts_as_memory() {
    let host = host(&limits(SOME));
    assert_eq!((host.memory, host.memory_swap), (256 << 20, 256 << 20));
    assert_eq!((host.nano_cpus, host.pids_limit), (1_500_000_000, Some(64)));
    let mut host = HostConfig::default();
    write(&ResourceLimits::default(), &mut host).unwrap();
    assert_eq!(host, HostConfig::default());
}

#[test]
fn written_limits_are_in_force() {
    for json in [SOME, ALL, r#"{"memory": "8m", "memory_swap": "unlimited"}"#] {
        let mut asked = limits(json);
        let has = in_force(&host(&asked));
        asked.memory_swap = asked.memory_swap.or(asked.memory.map(MemorySwap::Total));
        assert_eq!(has, asked);
    }
}

#[test]
fn limit_out_of_range_is_rejected() {
    for json in [
        r#"{"memory": 18446744073709551615}"#,
        r#"{"cpus": 1e12}"#,
        r#"{"cpus": 1e-12}"#,
    ] {
        assert!(
            write(&limits(json), &mut HostConfig::default()).is_err(),
            "{json}"
        );
    }
    for (json, able) in [
        (r#"{"cpus": 2.0, "cpuset_cpus": "0-1"}"#, true),
        (r#"{"cpus": 2.5}"#, false),
        (r#"{"cpuset_cpus": "1-2"}"#, false),
    ] {
        assert_eq!(check_cpus(&limits(json), Some(2)).is_ok(), able, "{json}");
        assert!(
            check_cpus(&limits(json), None).is_ok(),
            "a daemon that does not report its CPUs"
        );
    }
}

#[test]
fn dropped_limit_is_noticed() {
    for json in [SOME, ALL] {
        assert_eq!(dropped(&limits(json), &host(&limits(json)), &[]), []);
    }
    let mut by_quota = host(&limits(SOME));
    // Podman reports a CPU limit as a quota.
    by_quota.nano_cpus = 0;
    (by_quota.cpu_period, by_quota.cpu_quota) = (100_000, 150_000);
    assert_eq!(dropped(&limits(SOME), &by_quota, &[]), []);
    let features = |json: &str| -> Vec<Feature> {
        let found = dropped(&limits(json), &HostConfig::default(), &[]);
        found.into_iter().map(|missing| missing.feature).collect()
    };
    let some = [Feature::MemoryLimit, Feature::CpuLimit, Feature::PidsLimit];
    assert_eq!(features(SOME), some);
    let all: Vec<Feature> = limits(ALL).required_features().collect();
    let mut all = all;
    all.sort_unstable();
    assert_eq!(features(ALL), all);
    assert_eq!(
        dropped(&ResourceLimits::default(), &HostConfig::default(), &[]),
        []
    );
}

#[test]
fn warning_about_another_limit_is_no_error() {
    let warning = "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory \
                   limited without swap.";
    let some = limits(SOME);
    assert_eq!(dropped(&some, &host(&some), &[warning.to_owned()]), []);
    let all = limits(ALL);
    let missing = dropped(&all, &host(&all), &[warning.to_owned()]);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].feature, Feature::SwapLimit);
    assert!(missing[0].reason.contains("Your kernel"), "{missing:?}");
    for (text, feature) in [
        (
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
            Feature::BlockIoLimits,
        ),
        (
            "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted.",
            Feature::BlockIoLimits,
        ),
        (
            "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit \
             discarded.",
            Feature::PidsLimit,
        ),
    ] {
        assert_eq!(warned(text), Some(feature), "{text}");
    }
    assert_eq!(warned("something else"), None);
}
