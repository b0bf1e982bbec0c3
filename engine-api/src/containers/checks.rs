//! What can be known to be wrong, or too new for the engine, before anything is sent.

use super::{
    AttachContainer, CreateContainer, HealthConfig, HostConfig, Mount, MountType, ReadLogs, ReadStats,
    UpdateContainer,
};
use crate::error::Error;
use crate::version::Version;

/// What is asked for, its name, and the version that brought it. Engines ignore newer fields without
/// a word (wire fact 35), so the client says it.
pub(crate) type Newer = (bool, &'static str, Version);

const fn v(minor: u16) -> Version {
    Version::new(1, minor)
}

/// The fields of a new container that older engines lack.
pub(super) fn newer_fields(container: &CreateContainer) -> Vec<Newer> {
    let HostConfig {
        mounts, annotations, ..
    } = &container.host_config;
    let endpoints = &container.networking_config.endpoints_config;
    let mut newer = vec![
        newer_in_check(container.healthcheck.as_ref()),
        (!annotations.is_empty(), "HostConfig::annotations", v(43)),
        (
            endpoints.len() > 1,
            "more than one network in CreateContainer",
            v(44),
        ),
        (
            endpoints.values().any(|endpoint| endpoint.gw_priority != 0),
            "EndpointSettings::gw_priority",
            v(48),
        ),
        (
            endpoints
                .values()
                .any(|endpoint| !endpoint.mac_address.is_empty()),
            "EndpointSettings::mac_address",
            v(44),
        ),
    ];
    newer.extend(mounts.iter().flat_map(newer_in_mount));
    newer
}

/// The fields of a new container that newer engines have no more: what is asked for, its name, and the last
/// version that has it.
pub(super) fn older_fields(container: &CreateContainer) -> [Newer; 3] {
    let host = &container.host_config;
    [
        (host.kernel_memory != 0, "HostConfig::kernel_memory", v(41)),
        (
            host.kernel_memory_tcp != 0,
            "HostConfig::kernel_memory_tcp",
            v(51),
        ),
        (
            !container.mac_address.is_empty(),
            "CreateContainer::mac_address",
            v(51),
        ),
    ]
}

/// The fields of an update that newer engines have no more; see [`older_fields`].
pub(super) fn older_in_update(update: &UpdateContainer) -> [Newer; 2] {
    [
        (update.kernel_memory != 0, "UpdateContainer::kernel_memory", v(41)),
        (
            update.kernel_memory_tcp != 0,
            "UpdateContainer::kernel_memory_tcp",
            v(51),
        ),
    ]
}

/// What only later versions read in a health check; see [`newer_fields`].
pub(crate) fn newer_in_check(check: Option<&HealthConfig>) -> Newer {
    let interval = check.is_some_and(|check| check.start_interval != 0);
    (interval, "HealthConfig::start_interval", v(44))
}

/// The fields of a mount that older engines lack.
pub(crate) fn newer_in_mount(mount: &Mount) -> impl Iterator<Item = Newer> {
    let bind = mount.bind_options.as_ref();
    let volume = mount.volume_options.as_ref();
    let tmpfs = mount.tmpfs_options.as_ref();
    [
        (mount.kind == MountType::Image, "MountType::Image", v(48)),
        (mount.image_options.is_some(), "Mount::image_options", v(48)),
        (mount.kind == MountType::Cluster, "MountType::Cluster", v(42)),
        (mount.cluster_options.is_some(), "Mount::cluster_options", v(42)),
        (
            bind.is_some_and(|bind| bind.create_mountpoint),
            "BindOptions::create_mountpoint",
            v(42),
        ),
        (
            bind.is_some_and(|bind| bind.read_only_non_recursive),
            "BindOptions::read_only_non_recursive",
            v(44),
        ),
        (
            bind.is_some_and(|bind| bind.read_only_force_recursive),
            "BindOptions::read_only_force_recursive",
            v(44),
        ),
        (
            volume.is_some_and(|volume| !volume.subpath.is_empty()),
            "VolumeOptions::subpath",
            v(45),
        ),
        (
            tmpfs.is_some_and(|tmpfs| !tmpfs.options.is_empty()),
            "TmpfsOptions::options",
            v(46),
        ),
    ]
    .into_iter()
}

/// The fields of an update that older engines lack.
pub(super) fn newer_in_update(update: &UpdateContainer) -> [Newer; 1] {
    let devices = update.blkio_weight_device.is_some()
        || update.blkio_device_read_bps.is_some()
        || update.blkio_device_write_bps.is_some()
        || update.blkio_device_read_iops.is_some()
        || update.blkio_device_write_iops.is_some();
    [(devices, "blkio limits of devices in UpdateContainer", v(55))]
}

/// What is wrong with a new container.
pub(super) fn container(container: &CreateContainer) -> Option<String> {
    if container.image.trim().is_empty() {
        return Some("the container has no image; set `image`".into());
    }
    container.name.as_deref().and_then(name)
}

/// What is wrong with the name of a new container: engines want `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(super) fn name(name: &str) -> Option<String> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let starts_well = bare.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if bare.len() >= 2 && starts_well && bare.chars().all(legal) {
        return None;
    }
    Some(format!(
        "{name:?} cannot be the name of a container; use two or more of a-z, A-Z, 0-9, `_`, `.`, `-`, \
         the first a letter or digit"
    ))
}

/// Whether an engine refuses to remove what is being removed already. Engines say it by nothing but the message.
pub(super) fn is_being_removed(error: &Error) -> bool {
    let said = error.message().unwrap_or_default();
    error.is_conflict() && said.contains("removal of container") && said.contains("already in progress")
}

/// A regular expression for a name, which engines take filters by name for, and no other.
pub(super) fn exactly(name: &str) -> String {
    let bare = name.strip_prefix('/').unwrap_or(name);
    // Of what a name may hold, only the dot means anything else.
    format!("^/?{}$", bare.replace('.', "\\."))
}

pub(super) fn logs(options: &ReadLogs) -> Option<String> {
    let neither = !options.stdout && !options.stderr;
    neither.then(|| "logs of neither stdout nor stderr were asked for; leave one on".into())
}

pub(super) fn attach(options: &AttachContainer) -> Option<String> {
    if !options.stream && !options.logs {
        return Some("attach without `stream` and without `logs` does nothing; set one".into());
    }
    let nothing = !options.stdin && !options.stdout && !options.stderr;
    nothing.then(|| "attach to neither stdin, stdout nor stderr; set one".into())
}

pub(super) fn stats(options: &ReadStats) -> Option<String> {
    let both = options.stream && options.one_shot;
    both.then(|| "`one_shot` is for one sample; unset `stream`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_engines_do() {
        for good in ["ab", "a.b-c_d", "/web", "0x"] {
            assert_eq!(name(good), None, "{good}");
        }
        for bad in ["", "a", "-ab", "a b", "ä1", "/", "a/b", "../x"] {
            assert!(name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_looked_for_as_it_is() {
        assert_eq!(exactly("/web.1-b"), "^/?web\\.1-b$");
    }

    #[test]
    fn each_newer_field_is_noticed() {
        assert!(
            newer_fields(&CreateContainer::default())
                .iter()
                .all(|(asked, ..)| !asked)
        );
        let mount = Mount {
            kind: MountType::Image,
            ..Default::default()
        };
        let host_config = HostConfig {
            mounts: vec![mount],
            ..Default::default()
        };
        let container = CreateContainer {
            host_config,
            ..Default::default()
        };
        let asked: Vec<_> = newer_fields(&container)
            .into_iter()
            .filter(|(asked, ..)| *asked)
            .collect();
        assert_eq!(asked, [(true, "MountType::Image", v(48))]);
    }

    #[test]
    fn options_of_a_newer_kind_of_mount_are_newer_too() {
        let mount = Mount {
            image_options: Some(Default::default()),
            cluster_options: Some(Default::default()),
            ..Default::default()
        };
        let asked: Vec<_> = newer_in_mount(&mount).filter(|(asked, ..)| *asked).collect();
        let wanted = [
            (true, "Mount::image_options", v(48)),
            (true, "Mount::cluster_options", v(42)),
        ];
        assert_eq!(asked, wanted);
    }
}
