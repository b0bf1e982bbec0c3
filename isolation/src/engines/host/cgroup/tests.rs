use std::collections::BTreeSet;

use super::*;
use crate::engine::capabilities::{Feature, IsolationLevel};
use crate::spec::limits::memory_swap::MemorySwap;

fn limits(json: &str) -> ResourceLimits {
    serde_json::from_str(json).unwrap()
}

fn capabilities(found: &Hierarchies) -> Capabilities {
    found.add_to(Capabilities::new(IsolationLevel::Process))
}

/// A hierarchy of version 2 in a directory, in which `group/own` is the group of the process.
fn unified(delegated: &str, switched_on: &str) -> (tempfile::TempDir, Hierarchies) {
    let root = tempfile::tempdir().unwrap();
    let group = root.path().join("group");
    fs::create_dir_all(group.join("own")).unwrap();
    for (file, text) in [
        ("cgroup.controllers", delegated),
        ("cgroup.subtree_control", switched_on),
        ("cgroup.procs", ""),
    ] {
        fs::write(group.join(file), text).unwrap();
    }
    let mounts = format!(
        "1 0 0:2 / / rw - ext4 /dev/x rw\n30 25 0:26 / {} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
        root.path().display()
    );
    let found = Hierarchies::find(&mounts, "0::/group/own\n").unwrap();
    (root, found)
}

#[test]
fn group_of_version_2_gets_its_limits_by_files() {
    let (root, found) = unified("cpuset cpu memory pids\n", "memory pids\n");
    let id = EnvironmentId::random();
    let wanted =
        limits(r#"{"memory": "64m", "memory_swap": "96m", "cpus": 1.5, "pids": 9, "cpuset_cpus": "0"}"#);
    let group = Cgroup::create_in(&found, &id, &ResourceLimits::default())
        .unwrap()
        .unwrap();
    let path = root.path().join(format!("group/isolation-{id}"));
    fs::write(path.join("memory.swap.max"), "max\n").unwrap();
    group.apply(&wanted).unwrap();
    let read = |file: &str| fs::read_to_string(path.join(file)).unwrap();
    assert_eq!(read("memory.max"), (64 << 20).to_string());
    assert_eq!(read("memory.swap.max"), (32 << 20).to_string());
    assert_eq!(
        (read("cpu.max"), read("pids.max")),
        ("150000 100000".into(), "9".into())
    );
    assert_eq!(group.limits(), wanted);
    let switched = fs::read_to_string(root.path().join("group/cgroup.subtree_control")).unwrap();
    assert!(switched.starts_with('+'), "{switched}");
    group
        .apply(&limits(r#"{"memory": "64m", "memory_swap": "unlimited"}"#))
        .unwrap();
    assert_eq!(read("memory.swap.max"), "max");
    for (file, text) in [
        ("memory.current", "5000"),
        ("memory.stat", "anon 1\ninactive_file 1000\n"),
        ("cpu.stat", "usage_usec 1500000\nuser_usec 3\n"),
        ("pids.current", "4"),
        ("cgroup.procs", "0\n7\n"),
    ] {
        fs::write(path.join(file), text).unwrap();
    }
    let usage = group.usage();
    assert_eq!((usage.memory, usage.processes), (4000, 4));
    assert_eq!(usage.cpu_time, Duration::from_millis(1500));
    assert_eq!(
        (usage.memory_limit, usage.processes_limit),
        (Some(64 << 20), Some(9))
    );
    assert_eq!(group.processes(), BTreeSet::from([7]));
    let argv = group.entering(&["true".into()]);
    assert_eq!(argv.last().unwrap(), "true");
    assert!(argv.contains(&path.display().to_string()), "{argv:?}");
}

#[test]
fn controller_that_is_not_delegated_is_a_reason() {
    let (_root, found) = unified("pids\n", "");
    let capabilities = capabilities(&found);
    assert!(capabilities.has(Feature::PidsLimit));
    let reason = capabilities.reason(Feature::MemoryLimit).unwrap();
    assert!(reason.contains("memory is not delegated to /"), "{reason}");
    assert!(!capabilities.has(Feature::Metrics) && !capabilities.has(Feature::LimitUpdates));
    assert_eq!(
        Hierarchies::find("1 0 0:2 / / rw - ext4 /dev/x rw\n", "0::/\n"),
        None
    );
}

#[test]
fn group_is_found_below_the_one_of_this_process() {
    let root = tempfile::tempdir().unwrap();
    let point = root.path().join("a b");
    fs::create_dir_all(point.join("inner")).unwrap();
    let escaped = point.display().to_string().replace(' ', r"\040");
    // The view of a container: the mount begins at a group.
    let mounts = format!(
        "33 25 0:27 /docker/x {escaped} rw - cgroup cgroup rw,cpu,cpuacct\n\
         34 25 0:28 / /no/such/place rw - cgroup cgroup rw,memory\n"
    );
    let own = "5:cpu,cpuacct:/docker/x/inner\n4:memory:/\n0::/\n";
    let found = Hierarchies::find(&mounts, own).unwrap();
    let parents: Vec<_> = found.parents().collect();
    let inner = point.join("inner");
    assert_eq!(
        parents,
        [
            (Controller::Cpu, inner.as_path()),
            (Controller::Cpuacct, inner.as_path())
        ]
    );
    let capabilities = capabilities(&found);
    let reason = |feature| capabilities.reason(feature).unwrap();
    assert!(reason(Feature::MemoryLimit).contains("/no/such/place: No such file"));
    assert_eq!(reason(Feature::CpuLimit), "the kernel has no cpu.cfs_quota_us");
    assert!(reason(Feature::PidsLimit).contains("no control groups for pids"));
    // A group that is not below the mounted one is seen as the mount point.
    let above = "5:cpu,cpuacct:/other\n";
    let found = Hierarchies::find(&mounts, above).unwrap();
    let parents: BTreeSet<_> = found.parents().map(|(_, path)| path.to_owned()).collect();
    assert_eq!(parents, BTreeSet::from([point]));
}

#[test]
fn note_of_another_group_is_not_used() {
    let (root, found) = unified("memory\n", "memory\n");
    let id = EnvironmentId::random();
    let group = Cgroup::expected(&found, &id).unwrap();
    assert!(group.belongs_to(&id) && !group.belongs_to(&EnvironmentId::random()));
    let text = serde_json::to_string(&group).unwrap();
    let other = text.replace(&format!("isolation-{id}"), "own");
    let other: Cgroup = serde_json::from_str(&other).unwrap();
    assert!(!other.belongs_to(&id));
    assert!(root.path().join("group/own").is_dir());
}

/// Needs a machine on which this user may create groups, such as root with version 1.
#[test]
fn group_of_this_machine_holds_its_processes() {
    let id = EnvironmentId::random();
    let wanted = limits(r#"{"memory": "64m", "memory_swap": "64m", "pids": 9}"#);
    let needed = wanted.required_features().collect();
    let here = Cgroup::add_to(Capabilities::new(IsolationLevel::Process));
    if !here.missing(&needed).is_empty() {
        assert!(Cgroup::of(&id).is_none_or(|group| group.processes().is_empty()));
        return;
    }
    let group = Cgroup::create(&id, &wanted).unwrap().unwrap();
    assert_eq!(group.limits().pids, Some(9));
    assert_eq!(group.limits().memory_swap, Some(MemorySwap::Total(64 << 20)));
    let argv = group.entering(&["sleep".into(), "1000".into()]);
    let start = || std::process::Command::new(&argv[0]).args(&argv[1..]).spawn();
    let mut started = group.start_inside(start).unwrap();
    let start = || std::process::Command::new("sleep").arg("1000").spawn();
    let mut moved = group.start_inside(start).unwrap();
    group.add(moved.id()).unwrap();
    let pids = [&started, &moved].map(|child| i32::try_from(child.id()).unwrap());
    while group.processes() != BTreeSet::from(pids) {
        sleep(PAUSE);
    }
    for child in [&mut started, &mut moved] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(group.usage().memory_peak > 0);
    // A group that a command has created below it.
    fs::create_dir(group.directory(Controller::Memory).unwrap().join("below")).unwrap();
    group.remove().unwrap();
    group.remove().unwrap();
    assert!(group.unique().iter().all(|path| !path.exists()));
}

#[test]
fn process_of_version_2_is_moved_into_its_group() {
    let (root, found) = unified("memory pids\n", "memory pids\n");
    let id = EnvironmentId::random();
    let made = Cgroup::create_in(&found, &id, &ResourceLimits::default());
    let group = made.unwrap().unwrap();
    let processes = root.path().join(format!("group/isolation-{id}/cgroup.procs"));
    assert_eq!(group.start_inside(|| Ok(5)).unwrap(), 5);
    group.add(7).unwrap();
    assert_eq!(fs::read_to_string(&processes).unwrap(), "7");
    fs::remove_file(&processes).unwrap();
    fs::create_dir(&processes).unwrap();
    let error = group.add(7).unwrap_err().to_string();
    assert!(
        error.contains("write") && error.contains("cgroup.procs"),
        "{error}"
    );
}

#[test]
fn limit_that_cannot_be_set_leaves_no_group() {
    let (root, found) = unified("memory\n", "memory\n");
    let id = EnvironmentId::random();
    let error = Cgroup::create_in(&found, &id, &limits(r#"{"cpus": 1}"#)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("has no cpu.max"), "{error}");
    let path = root.path().join(format!("group/isolation-{id}"));
    assert!(!path.exists());
    let made = Cgroup::create_in(&found, &id, &ResourceLimits::default());
    let group = made.unwrap().unwrap();
    // A kernel without a limit of swap has no file for it.
    group
        .apply(&limits(r#"{"memory": "64m", "memory_swap": "96m"}"#))
        .unwrap();
    assert!(!path.join("memory.swap.max").exists());
    fs::remove_file(path.join("memory.max")).unwrap();
    fs::create_dir(path.join("memory.max")).unwrap();
    let error = group
        .apply(&limits(r#"{"memory": "64m"}"#))
        .unwrap_err()
        .to_string();
    assert!(error.contains("write") && error.contains("memory.max"), "{error}");
}

#[test]
fn group_of_version_1_gets_its_limits_by_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let group = Cgroup {
        version: Version::Separate,
        directories: [Controller::Memory, Controller::Cpu]
            .map(|controller| (controller, path.clone()))
            .into(),
    };
    let read = |file: &str| fs::read_to_string(path.join(file)).unwrap();
    group
        .apply(&limits(r#"{"memory": "64m", "memory_swap": "96m", "cpus": 1.5}"#))
        .unwrap();
    assert_eq!(read("memory.limit_in_bytes"), (64 << 20).to_string());
    assert!(!path.join("memory.memsw.limit_in_bytes").exists());
    assert_eq!(
        (read("cpu.cfs_period_us"), read("cpu.cfs_quota_us")),
        ("100000".into(), "150000".into())
    );
    assert_eq!(group.limits().cpus, Some(1.5));
    fs::write(path.join("memory.memsw.limit_in_bytes"), "1").unwrap();
    for (swap, written) in [
        ("\"96m\"", (96_u64 << 20).to_string()),
        ("\"unlimited\"", "-1".to_owned()),
    ] {
        group
            .apply(&limits(&format!(r#"{{"memory": "64m", "memory_swap": {swap}}}"#)))
            .unwrap();
        assert_eq!(read("memory.memsw.limit_in_bytes"), written, "{swap}");
    }
    assert_eq!(group.start_inside(|| Ok(1)).unwrap(), 1);
    assert_eq!(read("tasks"), "0", "the thread that starts the process");
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(
        group.start_inside(|| Ok(1)).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn group_at_the_mount_point_is_the_parent() {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("cgroup.controllers", "memory\n"),
        ("cgroup.subtree_control", "memory\n"),
        ("cgroup.procs", ""),
    ] {
        fs::write(root.path().join(file), text).unwrap();
    }
    let mounts = format!(
        "30 25 0:26 / {} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
        root.path().display()
    );
    let found = Hierarchies::find(&mounts, "0::/\n").unwrap();
    let parents: BTreeSet<_> = found.parents().map(|(_, path)| path).collect();
    assert_eq!(parents, BTreeSet::from([root.path()]));
}

#[test]
fn refusal_of_the_kernel_names_the_limit() {
    let (root, found) = unified("memory\n", "memory\n");
    let id = EnvironmentId::random();
    let made = Cgroup::create_in(&found, &id, &ResourceLimits::default());
    let group = made.unwrap().unwrap();
    let path = root.path().join(format!("group/isolation-{id}"));
    // A file of the kernel that has the same answer to a number out of its range.
    std::os::unix::fs::symlink("/proc/self/oom_score_adj", path.join("memory.max")).unwrap();
    let error = group.apply(&limits(r#"{"memory": "64m"}"#)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("the kernel refuses 67108864 as memory.max"),
        "{text}"
    );
}

#[test]
fn kills_at_the_memory_limit_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    for (version, file) in [
        (Version::Unified, "memory.events"),
        (Version::Separate, "memory.oom_control"),
    ] {
        let group = Cgroup {
            version,
            directories: vec![(Controller::Memory, directory.path().to_owned())],
        };
        assert_eq!(group.killed_at_limit(), 0);
        fs::write(directory.path().join(file), "low 9\noom 4\noom_kill 3\n").unwrap();
        assert_eq!(group.killed_at_limit(), 3, "{file}");
    }
}

#[test]
fn group_of_version_1_needs_no_controller_of_cpu_sets() {
    let root = tempfile::tempdir().unwrap();
    let mounts = format!(
        "33 25 0:27 / {} rw - cgroup cgroup rw,cpu,cpuacct\n",
        root.path().display()
    );
    let found = Hierarchies::find(&mounts, "5:cpu,cpuacct:/\n").unwrap();
    let id = EnvironmentId::random();
    let made = Cgroup::create_in(&found, &id, &ResourceLimits::default());
    let group = made.unwrap().unwrap();
    assert_eq!(group.directory(Controller::Cpuset), None);
    let path = root.path().join(format!("isolation-{id}"));
    assert_eq!(group.unique(), BTreeSet::from([path.as_path()]));
    group.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn groups_inside_have_a_maximum_depth() {
    let (root, found) = unified("memory\n", "memory\n");
    let id = EnvironmentId::random();
    let made = Cgroup::create_in(&found, &id, &ResourceLimits::default());
    let group = made.unwrap().unwrap();
    let mut path = root.path().join(format!("group/isolation-{id}"));
    for pid in 1..=DEPTH + 2 {
        fs::write(path.join("cgroup.procs"), pid.to_string()).unwrap();
        path.push("below");
        fs::create_dir(&path).unwrap();
    }
    // The group itself, and those below it down to this depth.
    let expected = (1..=DEPTH + 1).map(|pid| i32::try_from(pid).unwrap());
    assert_eq!(group.processes(), expected.collect());
    // A group of the kernel has no files that could be in the way.
    let error = group.remove().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("remove the control group") && text.contains(id.as_str()),
        "{text}"
    );
}

/// Version 2 ends a process instead.
#[test]
fn limit_below_what_is_in_use_is_a_conflict() {
    let (id, wanted) = (EnvironmentId::random(), limits(r#"{"memory": "64m"}"#));
    let needed = wanted.required_features().collect();
    let here = Cgroup::add_to(Capabilities::new(IsolationLevel::Process));
    if !here.missing(&needed).is_empty() {
        return;
    }
    let group = Cgroup::create(&id, &wanted).unwrap().unwrap();
    let start = || std::process::Command::new("sleep").arg("1000").spawn();
    let started = (group.version == Version::Separate).then(|| group.start_inside(start).unwrap());
    if let Some(mut child) = started {
        while group.usage().memory < 4096 {
            sleep(PAUSE);
        }
        let error = group.apply(&limits(r#"{"memory": "4k"}"#)).unwrap_err();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("end processes first"), "{error}");
    }
    group.remove().unwrap();
}
