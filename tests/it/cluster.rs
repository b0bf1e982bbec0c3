//! Swarms of more than one engine, and a manager that was locked: replayed from what was recorded.
//!
//! `ENGINE=record` with `SWARM=name=address,…` records them anew, as from `tests/engines env swarm`; for
//! `locked`, any other engine of `tests/engines` will do. Each engine of a scenario has a recording of its own.

use std::sync::Arc;

use engine_api::Docker;
use engine_api::connect::{Address, Connector};
use engine_fixtures::{Scenario, recordings_dir};
use tests::scenarios::cluster;
use tests::scenarios::restart;

/// The name in recordings of an engine of a swarm; any other goes by its own.
fn recorded_as(name: &str) -> &str {
    if name.starts_with("swarm-") {
        "docker-28"
    } else {
        name
    }
}

fn scenario(name: &str) -> Scenario {
    Scenario::new(name)
        .recordings(recordings_dir())
        .name_prefix("ptest_")
}

/// The engines to record, each with its name, or none for a replay.
fn engines() -> Vec<(String, Arc<dyn Connector>)> {
    if std::env::var("ENGINE").as_deref() != Ok("record") {
        return Vec::new();
    }
    let swarm = std::env::var("SWARM").expect("SWARM=name=address,name=address");
    let pairs = swarm
        .split(',')
        .map(|entry| entry.split_once('=').expect("name=address"));
    let connector = |address: &str| address.parse::<Address>().unwrap().connector().unwrap();
    pairs
        .map(|(name, address)| (name.to_owned(), Arc::from(connector(address))))
        .collect()
}

fn judge(outcome: engine_fixtures::Result<()>) {
    if let Err(error) = outcome {
        panic!("{}", tests::chain(&error));
    }
}

#[tokio::test]
async fn second() {
    let engines = engines();
    let (outer, inner) = (scenario("cluster/manager"), scenario("cluster/second"));
    let both = |manager: Arc<dyn Connector>| {
        let (inner, engines) = (inner.clone(), engines.clone());
        async move {
            let second = |second: Arc<dyn Connector>| {
                let manager = Docker::with_connector(Arc::clone(&manager));
                async move { Ok(cluster::second(manager, Docker::with_connector(second)).await?) }
            };
            match engines.get(1) {
                Some((name, connector)) => inner
                    .record(recorded_as(name), Arc::clone(connector), &second)
                    .await
                    .map(drop)?,
                None => inner.replay(&second).await?,
            }
            Ok(())
        }
    };
    judge(match engines.first() {
        Some((name, connector)) => outer
            .record(recorded_as(name), Arc::clone(connector), &both)
            .await
            .map(drop),
        None => outer.replay(&both).await,
    });
}

#[tokio::test]
async fn locked() {
    let engines = engines();
    let name = engines.first().map(|(name, _)| name.clone());
    let locked = |docker: Arc<dyn Connector>| {
        let name = name.clone();
        // Between two exchanges of a recording an engine need not be restarted.
        let again = move || name.iter().for_each(|name| restart(name));
        async move { Ok(cluster::locked(Docker::with_connector(docker), again).await?) }
    };
    let scenario = scenario("cluster/locked");
    judge(match engines.first() {
        Some((name, connector)) => scenario
            .record(recorded_as(name), Arc::clone(connector), &locked)
            .await
            .map(drop),
        None => scenario.replay(&locked).await,
    });
}
