//! Engines that take their time, replayed on the paused clock. The tests do not wait, and timeouts
//! expire nevertheless.
//!
//! `ENGINE=record ENGINES=name=address,… cargo test -p tests --test it replay::slow_engine` records
//! them again.

use std::time::Duration;

use engine_api::connect::Connector;
use engine_api::{Docker, ErrorKind, Result, Timeouts};
use engine_fixtures::faults::{Fault, Faulty};
use engine_fixtures::{Player, Recording, Scenario, recordings_dir};
use tokio::time::Instant;

/// How long the engine takes in each scenario.
const TIME: Duration = Duration::from_secs(2);
const ENGINES: [&str; 5] = [
    "docker-20",
    "docker-26",
    "docker-28",
    "docker-28-containerd",
    "podman-5",
];

macro_rules! slow {
    ($module:ident { $($name:ident)* }) => {$(
        mod $name {
            use super::*;

            const NAME: &str = concat!(stringify!($module), "/", stringify!($name));

            #[test]
            fn takes_the_recorded_time() {
                check_duration(NAME, |docker| tests::scenarios::$module::$name(docker));
            }

            #[tokio::test(start_paused = true)]
            async fn shorter_timeout_expires() {
                check_timeouts(NAME, |docker| tests::scenarios::$module::$name(docker)).await;
            }
        }
    )*};
}

tests::for_each_slow_scenario!(slow);

fn scenario(name: &str) -> Scenario {
    Scenario::new(name)
        .recordings(recordings_dir())
        .name_prefix("ptest_")
        .record_delays(TIME)
}

/// Runs a scenario in every mode. Only a replay uses the paused clock.
fn check_duration<Fut: Future<Output = Result<()>>>(name: &str, run: impl Fn(Docker) -> Fut) {
    let replayed = matches!(std::env::var("ENGINE").as_deref(), Err(_) | Ok("" | "replay"));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(replayed).build().unwrap();
    let outcome = runtime.block_on(scenario(name).run(|connector| {
        let begin = Instant::now();
        let run = run(Docker::with_connector(connector));
        async move {
            run.await?;
            let took = begin.elapsed();
            assert!(took >= TIME, "it took {took:?}");
            assert!(
                !replayed || took < TIME + Duration::from_secs(1),
                "it took {took:?}"
            );
            Ok(())
        }
    }));
    if let Err(error) = outcome {
        panic!("{}", tests::chain(&error));
    }
}

fn limited(connector: impl Connector + 'static, seconds: u64) -> Docker {
    let limit = Some(Duration::from_secs(seconds));
    let limits = Timeouts {
        head: limit,
        idle: limit,
        total: limit,
        ..Timeouts::default()
    };
    Docker::with_connector(connector).with_timeouts(limits)
}

/// A timeout of one second expires and one of five does not, with replies in pieces of any size.
async fn check_timeouts<Fut: Future<Output = Result<()>>>(name: &str, run: impl Fn(Docker) -> Fut) {
    for engine in ENGINES {
        let recording = Recording::load(&scenario(name).path(engine)).unwrap();
        for fault in [Fault::None, Fault::Pieces(1), Fault::Together] {
            let player = || Player::new(recording.clone()).unwrap();
            let case = format!("{name} of {engine}, {fault:?}");
            let begin = Instant::now();
            let outcome = run(limited(Faulty::new(player(), fault), 1)).await;
            let kind = outcome.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::Timeout), "{case}");
            assert_eq!(begin.elapsed().as_secs(), 1, "{case}");

            let within_timeout = player();
            run(limited(Faulty::new(within_timeout.clone(), fault), 5))
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            within_timeout.finish().unwrap();

            let begin = Instant::now();
            run(limited(Faulty::new(player().skip_delays(), fault), 1))
                .await
                .unwrap();
            assert_eq!(begin.elapsed().as_secs(), 0, "{case}");
        }
    }
}
