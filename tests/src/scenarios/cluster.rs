//! Swarms of more than one engine, and a manager that was locked.
//!
//! The engines reach each other through their device `eth0` and know each other's host names, as those of
//! `tests/engines up swarm` do.

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

/// The device and port at which an engine listens to the others.
const LISTEN: &str = "eth0:2377";

/// A pause between two looks.
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

/// Makes a swarm; gives the id of its first node, and where others find it. That is a name and no address,
/// for recordings know addresses only by the part that they play in one.
pub(super) async fn init(manager: &Docker) -> Result<(String, String)> {
    let id = manager.swarm().init(as_manager(false)).await?;
    let node = until(manager, &id, |node| node.manager_status.is_some()).await?;
    Ok((id, format!("{}:2377", node.description.hostname)))
}

/// Lets an engine into the swarm of `manager` as a worker; gives its node's id once it works.
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
    // Another question than before: the same one, with nothing asked of this engine between, were one poll in recordings.
    // Not by the id that the engine knows: the recording of the manager knows only what the manager said.
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

/// Waits until a node is as it should be. It looks at a list, so that in recordings this is not taken for
/// the same question as [`edit`]'s.
pub(super) async fn until(manager: &Docker, id: &str, fits: impl Fn(&Node) -> bool) -> Result<Node> {
    let only = ListNodes {
        filters: NodeFilters {
            id: vec![id.to_owned()],
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

/// Changes what is set about a node, over all that changes beside it.
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

/// Takes engines out of their swarm, those last in the list first, whatever came before.
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

/// A second engine joins, is made a manager and a worker again, is relieved of its tasks, and leaves.
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

/// Starts an engine again that has just made a swarm, when what a new swarm changes by itself has long been changed.
pub fn restart_when_settled(name: &str) {
    std::thread::sleep(Duration::from_secs(1));
    restart(name);
}

/// A manager that locks its data when it ends, and needs the key after it was started again.
///
/// `again` is [`restart_when_settled`] of the engine; nothing of it is recorded.
pub async fn locked(docker: Docker, again: impl Fn() + Send + Sync + 'static) -> Result<()> {
    let engines = [docker.clone()];
    and_dissolve(&engines, async move {
        let swarm = docker.swarm();
        // Nothing is asked that tells when the swarm or its node was changed, until it is all over: a moment after the
        // start both change by themselves, and which one first is chance.
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
