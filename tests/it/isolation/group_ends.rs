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
