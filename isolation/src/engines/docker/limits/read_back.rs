//! Reads the limits that a running container has in its control group.
//!
//! A daemon without root has only the controllers that were delegated to its user. A limit that it
//! reports in its configuration may then have no effect. Only control groups of version 2 can be
//! delegated, and only there is something to read.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::capabilities::{Feature, MissingFeature};
use crate::spec::limits::ResourceLimits;

/// Prints the limits of its own control group. Only builtins are used.
pub(in crate::engines::docker) const SCRIPT: &str = "unset -f cd echo read
cd /sys/fs/cgroup 2>/dev/null || exit 0
[ -f cgroup.controllers ] || exit 0
echo version 2
[ -f memory.max ] && read -r line <memory.max && echo \"memory.max $line\"
[ -f pids.max ] && read -r line <pids.max && echo \"pids.max $line\"
[ -f cpu.max ] && read -r line <cpu.max && echo \"cpu.max $line\"
exit 0";

/// By how much a quota may differ from the number of CPUs: it is a whole number of microseconds.
const ROUNDING: f64 = 0.01;

/// The limits of a container that are read inside after its first start.
#[derive(Debug)]
pub(in crate::engines::docker) struct ReadBack {
    pub(in crate::engines::docker) all: ResourceLimits,
    /// Those that the specification asks for.
    pub(in crate::engines::docker) own: BTreeSet<Feature>,
}

/// The limits without an effect, by what [`SCRIPT`] has printed.
pub(in crate::engines::docker) fn without_effect(
    limits: &ResourceLimits,
    printed: &str,
) -> Vec<MissingFeature> {
    let mut lines = printed.lines().map(str::trim);
    if lines.next() != Some("version 2") {
        return Vec::new();
    }
    let values: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(' ')).collect();
    let at_most = |file: &str, limit: Option<u64>| {
        let number = values.get(file).and_then(|text| text.parse::<u64>().ok());
        limit.is_none_or(|limit| number.is_some_and(|number| number <= limit))
    };
    let cpus = values.get("cpu.max").and_then(|text| {
        let (quota, period) = text.split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    });
    let has_cpus = |limit: f64| cpus.is_some_and(|cpus| cpus <= limit + ROUNDING);
    [
        (
            Feature::MemoryLimit,
            "memory.max",
            at_most("memory.max", limits.memory),
        ),
        (Feature::PidsLimit, "pids.max", at_most("pids.max", limits.pids)),
        (Feature::CpuLimit, "cpu.max", limits.cpus.is_none_or(has_cpus)),
    ]
    .into_iter()
    .filter(|(_, _, kept)| !kept)
    .map(|(feature, file, _)| {
        let found = match values.get(file) {
            Some(value) => format!("is {value} inside"),
            None => "does not exist inside".to_owned(),
        };
        MissingFeature {
            feature,
            reason: format!(
                "the daemon runs without root, and accepted a limit without effect: {file} {found}"
            ),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(printed: &str) -> Vec<Feature> {
        let limits = ResourceLimits {
            memory: Some(64 << 20),
            pids: Some(100),
            cpus: Some(0.5),
            ..ResourceLimits::default()
        };
        let lacks = without_effect(&limits, printed);
        lacks.into_iter().map(|lack| lack.feature).collect()
    }

    #[test]
    fn limits_of_the_control_group_are_compared() {
        let all = "version 2\nmemory.max 67108864\npids.max 100\ncpu.max 50000 100000\n";
        assert_eq!(lacks(all), []);
        // A stricter one of another group counts, too.
        assert_eq!(lacks(&all.replace("67108864", "1000000")), []);
        assert_eq!(lacks(&all.replace("67108864", "max")), [Feature::MemoryLimit]);
        assert_eq!(
            lacks(&all.replace("pids.max 100", "pids.max 99999")),
            [Feature::PidsLimit]
        );
        assert_eq!(lacks(&all.replace("50000 ", "max ")), [Feature::CpuLimit]);
        assert_eq!(
            lacks("version 2\n"),
            [Feature::MemoryLimit, Feature::PidsLimit, Feature::CpuLimit]
        );
    }

    #[test]
    fn nothing_is_known_without_control_groups() {
        for printed in ["", "version 1\n", "sh: not found\n"] {
            assert_eq!(lacks(printed), [], "{printed}");
        }
        assert_eq!(without_effect(&ResourceLimits::default(), "version 2\n"), []);
    }
}
