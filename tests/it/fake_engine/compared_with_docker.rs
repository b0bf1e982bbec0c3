//! Runs scenarios on the fake engine, and compares its replies with those of Docker 28.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_api::Docker;
use engine_fixtures::recording::{Body, Exchange};
use engine_fixtures::{EngineInfo, Recorder, Recording, recordings_dir};
use fake_engine::FakeEngine;
use serde_json::Value;

macro_rules! on_the_fake_engine {
    ($($module:ident { $($name:ident $([$tag:ident])?)* })*) => {$(
        mod $module {
            $(compare!($module $name $($tag)?);)*
        }
    )*};
}

macro_rules! compare {
    ($module:ident $name:ident fake) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let scenario = concat!(stringify!($module), "/", stringify!($name));
            super::compared(scenario, async |docker| {
                tests::scenarios::$module::$name(docker).await
            })
            .await;
        }
    };
    ($module:ident $name:ident $($tag:ident)?) => {};
}

tests::for_each_scenario!(on_the_fake_engine);

/// Runs a scenario on the fake engine, and compares its replies with the recorded ones of Docker
/// 28.
async fn compared(scenario: &str, run: impl AsyncFnOnce(Docker) -> engine_api::Result<()>) {
    let engine = FakeEngine::new().with_image("busybox:latest");
    let recorder = Recorder::new(Arc::new(engine.clone())).name_prefix("ptest_");
    let before = engine.snapshot();
    run(Docker::with_connector(recorder.clone())).await.unwrap();
    assert_eq!(engine.snapshot(), before, "not cleaned up");

    let fake = recorder.finish_with(scenario, EngineInfo::default()).unwrap();
    let real = Recording::load(&recordings_dir().join(format!("docker-28/{scenario}.json"))).unwrap();
    let replies = |recording: &Recording| recording.exchanges.iter().map(reply).collect::<Vec<_>>();
    assert_eq!(replies(&fake), replies(&real));
    for (fake, real) in fake.exchanges.iter().zip(&real.exchanges) {
        let (ours, theirs) = (shape(fake), shape(real));
        let missing: Vec<_> = theirs
            .difference(&ours)
            .filter(|path| !is_about_the_machine(path))
            .collect();
        let unexpected: Vec<_> = ours
            .difference(&theirs)
            .filter(|path| !is_about_the_machine(path))
            .collect();
        assert!(
            missing.is_empty() && unexpected.is_empty(),
            "{}: missing {missing:#?}, unexpected {unexpected:#?}",
            reply(fake)
        );
    }
}

/// The compared parts of a reply: the request, the status, and the message of an error.
fn reply(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let Some(reply) = &exchange.response else {
        return format!("{} {} without a reply", request.method, request.path);
    };
    let message = match &reply.body {
        Body::Json(value) => value["message"].as_str().unwrap_or_default(),
        Body::Text(text) if reply.status >= 400 => text.trim_end(),
        _ => "",
    };
    // The rest depends on the network of the machine.
    let message = message.split(": dial tcp").next().unwrap_or_default();
    format!("{} {} {} {message}", request.method, request.path, reply.status)
}

/// Whether a field describes the machine, its kernel or the build of the engine.
fn is_about_the_machine(path: &str) -> bool {
    let machine = [
        ".blkio_stats.",
        ".memory_stats.",
        ".cpu_stats.cpu_usage.percpu_usage",
        ".precpu_stats.cpu_usage.percpu_usage",
        ".Components",
        ".Runtimes.",
        ".RegistryConfig.",
        ".KernelMemoryTCP",
    ];
    machine.iter().any(|begin| path.starts_with(begin))
}

/// The paths of all values in the JSON of a reply.
fn shape(exchange: &Exchange) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    match exchange.response.as_ref().map(|reply| &reply.body) {
        Some(Body::Json(value)) => walk(value, "", &mut paths),
        Some(Body::JsonLines(lines)) => lines.values.iter().for_each(|value| walk(value, "", &mut paths)),
        _ => {}
    }
    paths
}

fn walk(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // The number of a placeholder has no meaning.
                let key = key.split(':').next().unwrap_or_default();
                walk(value, &format!("{path}.{key}"), paths);
                paths.insert(format!("{path}.{key}"));
            }
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| walk(value, &format!("{path}[]"), paths)),
        _ => {}
    }
}
