//! Replays swarms of more than one engine, and a locked manager.
//!
//! `ENGINE=record` with `SWARM=name=address,…` (see `tests/engines env swarm`) records them again,
//! and `ENGINE=compare` compares them with new recordings. Other engines of `tests/engines` may be
//! named, too: `locked` takes one, and `second` two of the same version. Each engine of a scenario
//! has a recording of its own, below the name of the first one.

use std::sync::Arc;

use engine_api::Docker;
use engine_api::connect::{Address, Connector};
use engine_fixtures::{Player, Scenario, recordings_dir};
use tests::scenarios::cluster;

/// The name of an engine in the recordings. All engines of a swarm have the name `docker-28`.
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

fn mode() -> String {
    std::env::var("ENGINE").unwrap_or_default()
}

/// The engines to record, each with its name. The list is empty for a replay.
fn engines() -> Vec<(String, Arc<dyn Connector>)> {
    if !matches!(mode().as_str(), "record" | "compare") {
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

/// Records the scenario on an engine below the name of another one, or compares it with that
/// recording. Without an engine, it is replayed.
async fn run<F, Fut>(
    scenario: &Scenario,
    name: &str,
    engine: Option<&(String, Arc<dyn Connector>)>,
    body: &F,
) -> engine_fixtures::Result<()>
where
    F: Fn(Arc<dyn Connector>) -> Fut,
    Fut: Future<Output = engine_fixtures::Outcome>,
{
    let Some((_, connector)) = engine else {
        return scenario.replay(body).await;
    };
    let (name, connector) = (recorded_as(name), Arc::clone(connector));
    match mode().as_str() {
        "compare" => scenario.compare(name, connector, body).await,
        _ => scenario.record(name, connector, body).await.map(drop),
    }
}

fn check_outcome(outcome: engine_fixtures::Result<()>) {
    if let Err(error) = outcome {
        panic!("{}", tests::chain(&error));
    }
}

#[tokio::test]
async fn second() {
    let engines = engines();
    let (outer, inner) = (scenario(cluster::MANAGER), scenario(cluster::SECOND));
    let Some((name, _)) = engines.first() else {
        return replay_seconds(&outer, &inner).await;
    };
    let both = |manager: Arc<dyn Connector>| {
        let (inner, engines) = (inner.clone(), engines.clone());
        async move {
            let second = |second: Arc<dyn Connector>| {
                let manager = Docker::with_connector(Arc::clone(&manager));
                async move { Ok(cluster::second(manager, Docker::with_connector(second)).await?) }
            };
            run(&inner, name, engines.get(1), &second).await?;
            Ok(())
        }
    };
    check_outcome(run(&outer, name, engines.first(), &both).await);
}

/// Replays the pairs of recordings, one for each engine.
async fn replay_seconds(outer: &Scenario, inner: &Scenario) {
    let names = std::fs::read_dir(recordings_dir()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| outer.path(name).is_file()).collect();
    assert!(names.len() > 1, "{names:?}");
    for name in names {
        let players = [outer, inner].map(|scenario| Player::open(&scenario.path(&name)).unwrap());
        let [manager, second] = players.clone().map(Docker::with_connector);
        let outcome = cluster::second(manager, second).await;
        for player in players {
            if let Err(error) = player.finish() {
                panic!("{name}: {outcome:?}\n{}", tests::chain(&error));
            }
        }
        outcome.unwrap_or_else(|error| panic!("{name}: {}", tests::chain(&error)));
    }
}

#[tokio::test]
async fn locked() {
    let engines = engines();
    let name = engines.first().map(|(name, _)| name.clone());
    let locked = |docker: Arc<dyn Connector>| {
        let name = name.clone();
        // In a replay there is no engine to restart.
        let again = move || name.iter().for_each(|name| cluster::restart_when_settled(name));
        async move { Ok(cluster::locked(Docker::with_connector(docker), again).await?) }
    };
    let recorded = name.clone().unwrap_or_default();
    let scenario = scenario(cluster::LOCKED);
    check_outcome(run(&scenario, &recorded, engines.first(), &locked).await);
}
