//! Calls on a swarm.

use engine_api::nodes::NodeAvailability;
use engine_api::swarm::{InitSwarm, JoinSwarm, LeaveSwarm, ObjectVersion, SwarmSpec, UpdateSwarm};
use engine_api::{Docker, Result};

use super::full;

pub(super) async fn swarm(docker: &Docker) -> Result<()> {
    let (swarm, spec): (_, SwarmSpec) = (docker.swarm(), full("SwarmSpec"));
    let init = InitSwarm {
        listen_addr: "0.0.0.0:2377".into(),
        advertise_addr: "192.0.2.1:2377".into(),
        data_path_addr: "192.0.2.1".into(),
        data_path_port: 4789,
        default_addr_pool: vec!["10.10.0.0/16".into()],
        subnet_size: 24,
        force_new_cluster: true,
        availability: NodeAvailability::Active,
        spec: spec.clone(),
    };
    swarm.init(init).await?;
    let join = JoinSwarm {
        listen_addr: "0.0.0.0:2377".into(),
        advertise_addr: "192.0.2.2:2377".into(),
        data_path_addr: "192.0.2.2".into(),
        remote_addrs: vec!["192.0.2.1:2377".into()],
        join_token: "SWMTKN-1".into(),
        availability: NodeAvailability::Drain,
    };
    swarm.join(join).await?;
    let update = UpdateSwarm {
        rotate_worker_token: true,
        rotate_manager_token: true,
        rotate_manager_unlock_key: true,
    };
    swarm.update(ObjectVersion { index: 7 }, spec, update).await?;
    swarm.leave(LeaveSwarm { force: true }).await
}
