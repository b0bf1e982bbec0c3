//! The specifications that the pool supports.

use crate::events::pool_miss::PoolMiss;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;
use crate::spec::mount::{Mount, MountSource};

/// Why an environment that is prepared in advance would differ from one that is created now.
pub(super) fn reason_against(spec: &EnvironmentSpec) -> Option<PoolMiss> {
    let writes = |mount: &Mount| !mount.read_only && !matches!(mount.source, MountSource::Tmpfs { .. });
    [
        (spec.lifetime != Lifetime::Owner, PoolMiss::Lifetime),
        (spec.name.is_some(), PoolMiss::Name),
        (!spec.copies.is_empty(), PoolMiss::Copies),
        (
            spec.network.ports.iter().any(|port| port.host_port.is_some()),
            PoolMiss::FixedPort,
        ),
        (!spec.network.aliases.is_empty(), PoolMiss::Aliases),
        (
            spec.main != Main::Idle && spec.mounts.iter().any(writes),
            PoolMiss::SharedFiles,
        ),
    ]
    .into_iter()
    .find_map(|(applies, reason)| applies.then_some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[test]
    fn environment_with_effects_outside_is_not_prepared() {
        for (json, reason) in [
            (r"{}", None),
            (r#"{"network": {"ports": [80]}}"#, None),
            (
                r#"{"main": "image", "mounts": [{"source": {"tmpfs": {}}, "target": "/t"}]}"#,
                None,
            ),
            (
                r#"{"mounts": [{"source": {"host": "/tmp"}, "target": "/t"}]}"#,
                None,
            ),
            (
                r#"{"main": "image", "mounts": [{"source": {"volume": "v"}, "target": "/t"}]}"#,
                Some(PoolMiss::SharedFiles),
            ),
            (r#"{"name": "web"}"#, Some(PoolMiss::Name)),
            (r#"{"lifetime": "kept"}"#, Some(PoolMiss::Lifetime)),
            (
                r#"{"copies": [{"source": "/tmp", "target": "/t"}]}"#,
                Some(PoolMiss::Copies),
            ),
            (
                r#"{"network": {"ports": ["8080:80"]}}"#,
                Some(PoolMiss::FixedPort),
            ),
            (
                r#"{"network": {"mode": {"named": "n"}, "aliases": ["db"]}}"#,
                Some(PoolMiss::Aliases),
            ),
        ] {
            let spec = EnvironmentSpec::from_json(json).unwrap();
            assert_eq!(reason_against(&spec), reason, "{json}");
        }
        let spec = EnvironmentSpec {
            main: Main::Command(Command::new(["x"])),
            ..EnvironmentSpec::default()
        };
        assert_eq!(reason_against(&spec), None);
    }
}
