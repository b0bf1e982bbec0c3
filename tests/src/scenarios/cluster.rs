//! Swarms of two engines, and a locked manager.
//!
//! The engines reach each other through their device `eth0` and know each other's host names, like
//! those of `tests/engines up swarm`.

use std::time::Duration;

use engine_api::nodes::{
    ListNodes, Node, NodeAvailability, NodeFilters, NodeRole, NodeSpec, NodeState, Reachability, RemoveNode,
};
use engine_api::swarm::{EncryptionConfig, InitSwarm, JoinSwarm, LeaveSwarm, SwarmSpec, UnlockKey};
use engine_api::system::LocalNodeState;
use engine_api::{Docker, Result};

use super::restart;
use super::swarm::forget_bridge;

/// The recording of the manager in [`second`].
pub const MANAGER: &str = "cluster/manager";
/// The recording of the other engine in [`second`].
pub const SECOND: &str = "cluster/second";
/// The recording of [`locked`].
pub const LOCKED: &str = "cluster/locked";

/// The device and port where an engine listens to the others.
const LISTEN: &str = "eth0:2377";

/// The pause between two polls.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

fn as_manager(locked: bool) -> InitSwarm {
    InitSwarm {
        listen_addr: LISTEN.into(),
        advertise_addr: "eth0".into(),
        spec: SwarmSpec {
            encryption_config: EncryptionConfig {
                auto_lock_managers: locked,
            },
            ..Default::default()
        },
        ..Default::default()
    }
}

/// Creates a swarm. Returns the id of its first node and its address. The address contains a host
/// name, because recordings replace IP addresses.
pub(super) async fn init(manager: &Docker) -> Result<(String, String)> {
    let id = manager.swarm().init(as_manager(false)).await?;
    let node = until(manager, &id, |node| node.manager_status.is_some()).await?;
    Ok((id, format!("{}:2377", node.description.hostname)))
}

/// Joins an engine to the swarm of `manager` as a worker. Returns the id of its node once it is
/// ready.
pub(super) async fn join(manager: &Docker, address: &str, engine: &Docker) -> Result<String> {
    let swarm = JoinSwarm {
        listen_addr: LISTEN.into(),
        advertise_addr: "eth0".into(),
        remote_addrs: vec![address.to_owned()],
        join_token: manager.swarm().inspect().await?.join_tokens.worker,
        ..Default::default()
    };
    let before = manager.nodes().list(Default::default()).await?;
    engine.swarm().join(swarm).await?;
    // This request differs from the one above: two equal requests in a row are merged into one
    // poll in recordings. The id from the other engine is not used: the recording of the manager
    // knows only values of the manager.
    let workers = ListNodes {
        filters: NodeFilters {
            role: vec![NodeRole::Worker],
            ..Default::default()
        },
    };
    loop {
        let nodes = manager.nodes().list(workers.clone()).await?;
        let mut new = nodes
            .into_iter()
            .filter(|node| before.iter().all(|old| old.id != node.id));
        if let Some(node) = new.find(|node| node.status.state == NodeState::Ready) {
            return Ok(node.id);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a node satisfies a condition. It reads a list, so that recordings do not merge this
/// poll with the requests of [`edit`].
pub(super) async fn until(manager: &Docker, id: &str, fits: impl Fn(&Node) -> bool) -> Result<Node> {
    let only = ListNodes {
        filters: NodeFilters {
            id: [id].into(),
            ..Default::default()
        },
    };
    loop {
        let node = manager.nodes().list(only.clone()).await?.remove(0);
        if fits(&node) {
            return Ok(node);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Changes the specification of a node. An update that meets a newer version is repeated.
pub(super) async fn edit(manager: &Docker, id: &str, change: impl Fn(&mut NodeSpec)) -> Result<()> {
    loop {
        let mut node = manager.nodes().inspect(id).await?;
        change(&mut node.spec);
        match manager.nodes().update(id, node.version, node.spec).await {
            Err(error) if error.is_version_conflict() => {}
            other => return other,
        }
    }
}

/// Makes engines leave their swarm, the last one first, even after an error.
pub(super) async fn dissolve(engines: &[Docker]) -> Result<()> {
    for engine in engines.iter().rev() {
        let state = engine.system().info().await?.swarm.local_node_state;
        if state != LocalNodeState::Inactive {
            engine.swarm().leave(LeaveSwarm { force: true }).await?;
        }
        forget_bridge(engine).await?;
    }
    Ok(())
}

/// Runs `body` in a task, so that a failed assertion does not leave engines in a swarm.
pub(super) async fn and_dissolve<F>(engines: &[Docker], body: F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let outcome = tokio::spawn(body).await;
    dissolve(engines).await?;
    match outcome {
        Ok(outcome) => outcome,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// A second engine joins, becomes a manager and a worker again, is drained, and leaves.
pub async fn second(manager: Docker, other: Docker) -> Result<()> {
    and_dissolve(&[manager.clone(), other.clone()], async move {
        let (_, address) = init(&manager).await?;
        let id = join(&manager, &address, &other).await?;
        let known = other.system().info().await?.swarm;
        assert_eq!(known.local_node_state, LocalNodeState::Active);
        assert!(!known.control_available && known.remote_managers.len() == 1);
        let error = other.swarm().inspect().await.unwrap_err();
        assert_eq!(
            error.status(),
            Some(503),
            "workers know nothing of the swarm: {error}"
        );

        edit(&manager, &id, |spec| spec.role = NodeRole::Manager).await?;
        let reached = |node: &Node| {
            let status = node.manager_status.as_ref();
            status.is_some_and(|status| status.reachability == Reachability::Reachable)
        };
        until(&manager, &id, reached).await?;
        while !other.system().info().await?.swarm.control_available {
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(other.nodes().list(Default::default()).await?.len(), 2);

        edit(&manager, &id, |spec| spec.role = NodeRole::Worker).await?;
        until(&manager, &id, |node| node.manager_status.is_none()).await?;
        edit(&manager, &id, |spec| spec.availability = NodeAvailability::Drain).await?;
        let node = manager.nodes().inspect(&id).await?;
        assert_eq!(
            (node.spec.availability, node.spec.role),
            (NodeAvailability::Drain, NodeRole::Worker)
        );

        while other.system().info().await?.swarm.control_available {
            tokio::time::sleep(PAUSE).await;
        }
        other.swarm().leave(LeaveSwarm::default()).await?;
        until(&manager, &id, |node| node.status.state == NodeState::Down).await?;
        manager.nodes().remove(&id, RemoveNode::default()).await?;
        assert_eq!(manager.nodes().list(Default::default()).await?.len(), 1);
        Ok(())
    })
    .await
}

/// Restarts an engine some time after it has created a swarm: a new swarm still changes by itself.
pub fn restart_when_settled(name: &str) {
    std::thread::sleep(Duration::from_secs(1));
    restart(name);
}

/// A manager that locks its data when it stops, and needs the key after a restart.
///
/// `again` calls [`restart_when_settled`] for the engine; a recording contains no restart.
pub async fn locked(docker: Docker, again: impl Fn() + Send + Sync + 'static) -> Result<()> {
    let engines = [docker.clone()];
    and_dissolve(&engines, async move {
        let swarm = docker.swarm();
        // No request may return the time of a change of the swarm or of its node before the end:
        // shortly after the start both change by themselves, in random order.
        swarm.init(as_manager(true)).await?;
        let key = swarm.unlockkey().await?;
        assert!(!key.unlock_key.is_empty());
        tokio::task::spawn_blocking(again).await.unwrap();

        while docker.system().info().await?.swarm.local_node_state != LocalNodeState::Locked {
            tokio::time::sleep(PAUSE).await;
        }
        let error = swarm.inspect().await.unwrap_err();
        assert_eq!(error.status(), Some(503), "{error}");
        let wrong = UnlockKey {
            unlock_key: "SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        };
        let error = swarm.unlock(wrong).await.unwrap_err();
        assert!(!error.to_string().contains("AAAA"), "{error}");
        swarm.unlock(key).await?;
        while !docker.system().info().await?.swarm.control_available {
            tokio::time::sleep(PAUSE).await;
        }
        assert!(swarm.inspect().await?.spec.encryption_config.auto_lock_managers);
        Ok(())
    })
    .await
}
