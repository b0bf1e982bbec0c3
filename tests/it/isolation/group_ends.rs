//! The time that services have to end, on the fake engine.

use std::time::Duration;

use fake_engine::FakeEngine;
use isolation::{EngineChoice, GroupSpec};

use super::docker_engine::{IMAGE, on, until_gone};

#[tokio::test(start_paused = true)]
async fn service_has_its_own_time_to_end() {
    let main = r#""main": {"command": {"argv": ["sh", "-c", "sleep 100000"]}}"#;
    let text = format!(
        r#"{{"name": "shop", "services": {{
            "a": {{"image": "{IMAGE}", {main}, "stop_grace": "77s"}},
            "b": {{"image": "{IMAGE}", {main}}}}}}}"#
    );
    for (given, times) in [
        (None, ["t=10", "t=77"]),
        (Some(Duration::from_secs(5)), ["t=5", "t=5"]),
    ] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let manager = on(&fake);
        let group = GroupSpec::from_json(&text).unwrap();
        let group = manager.up(&EngineChoice::Auto, group).await.unwrap();
        group.down(given).await.unwrap();
        let requests = fake.requests().into_iter();
        let stops = requests.filter_map(|one| one.split_once("/stop?").map(|(_, query)| query.to_owned()));
        let mut stops: Vec<String> = stops.collect();
        stops.sort();
        assert_eq!(stops, times, "{given:?}");
        until_gone(&fake).await;
    }
}

/// The networks of the group have other names on the daemon; that of one service keeps its own.
#[tokio::test(start_paused = true)]
async fn service_may_have_a_network_of_its_own() {
    let text = format!(
        r#"{{"name": "shop", "networks": {{"front": {{}}}}, "services": {{
            "a": {{"image": "{IMAGE}", "network": {{"mode": {{"named": "front"}}}}}},
            "b": {{"image": "{IMAGE}", "network": {{"mode": {{"named": "front"}}, "join": ["inner"],
                                                    "own": {{"inner": {{}}}}}}}}}}}}"#
    );
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let group = GroupSpec::from_json(&text).unwrap();
    let up = manager.up(&EngineChoice::Auto, group).await;
    let up = up.unwrap_or_else(|error| panic!("{}", tests::chain(&error)));
    let mut counts = Vec::new();
    for (name, environment) in up.services() {
        counts.push((name.to_owned(), environment.networks().await.unwrap().len()));
    }
    counts.sort();
    assert_eq!(counts, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    up.down(None).await.unwrap();
    until_gone(&fake).await;
}
