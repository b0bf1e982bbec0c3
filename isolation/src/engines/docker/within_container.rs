//! This process may run in a container of the daemon itself, with the daemon's socket mounted. Then
//! the loopback address is that of its container, and published ports are not on it.

use std::net::IpAddr;
use std::path::Path;

use engine_api::Docker;
use engine_api::containers::{Container, InspectContainer};

use super::publish;

/// The files that daemons create in a container.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// The address of the daemon's machine, as this process reaches it; `None` if this process does not
/// run in a container of the daemon, or if that container has the network of the machine.
pub(super) async fn host_address(docker: &Docker) -> Option<IpAddr> {
    gateway(&own_container(docker).await?)
}

/// The address of the machine on the networks of a container.
fn gateway(container: &Container) -> Option<IpAddr> {
    let networks = container.network_settings.networks.values();
    networks.filter_map(|network| network.gateway.parse().ok()).next()
}

/// Whether this process runs in a container of the daemon.
pub(super) async fn is_of(docker: &Docker) -> bool {
    own_container(docker).await.is_some()
}

/// The container of the daemon in which this process runs.
async fn own_container(docker: &Docker) -> Option<Container> {
    let is_marked = MARKS.iter().any(|mark| Path::new(mark).exists());
    let may_be = is_marked && publish::is_local(docker);
    let mounts = read(may_be.then_some("/proc/self/mountinfo")).await;
    known(docker, mounts.as_deref().and_then(container)).await
}

async fn read(path: Option<&str>) -> Option<String> {
    tokio::fs::read_to_string(path?).await.ok()
}

/// The description of a container. Another daemon, such as one in this container, does not know it.
async fn known(docker: &Docker, container: Option<&str>) -> Option<Container> {
    let options = InspectContainer::default();
    docker.containers().inspect(container?, options).await.ok()
}

/// The ID of the container with this table of mounts: a part of the path of its `/etc/hostname`.
fn container(mounts: &str) -> Option<&str> {
    let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (source, target) = (fields.next()?, fields.next()?);
        (target == "/etc/hostname").then(|| source.split('/').find(is_id))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_in_the_table_of_mounts() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/var/lib/docker/containers/{id}/hostname"),
            format!("/containers/storage/overlay-containers/{id}/userdata/hostname"),
        ] {
            let mounts = format!(
                "612 611 0:60 / /proc rw - proc proc rw\n\
                 640 611 254:1 {path} /etc/hostname rw,relatime - ext4 /dev/vda1 rw\n"
            );
            assert_eq!(container(&mounts), Some(id.as_str()), "{path}");
        }
        let host =
            "25 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 25 0:5 /etc/hostname /etc/hostname rw - tmpfs t rw\n";
        assert_eq!(container(host), None);
        assert_eq!(container(""), None);
    }

    #[test]
    fn machine_is_the_gateway_of_a_network() {
        let of = |networks: &str| {
            let text = format!(r#"{{"NetworkSettings": {{"Networks": {networks}}}}}"#);
            gateway(&engine_api::from_json(text.as_bytes()).unwrap())
        };
        // The network of the machine has no gateway.
        assert_eq!(of(r#"{"host": {"Gateway": ""}}"#), None);
        let two = of(r#"{"a": {"Gateway": ""}, "b": {"Gateway": "172.17.0.1"}}"#);
        assert_eq!(two, Some([172, 17, 0, 1].into()));
    }
}
