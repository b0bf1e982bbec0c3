//! Engines that take their time, replayed on the paused clock: no test waits, and limits run out all the same.
//!
//! `ENGINE=record ENGINES=name=address,… cargo test -p tests --test it replay::slow_engine` records them anew.

use std::time::Duration;

use engine_api::connect::Connector;
use engine_api::{Docker, ErrorKind, Result, Timeouts};
use engine_fixtures::faults::{Fault, Faulty};
use engine_fixtures::{Player, Recording, Scenario, recordings_dir};
use tokio::time::Instant;

/// What each scenario takes.
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
                takes_its_time(NAME, |docker| tests::scenarios::$module::$name(docker));
            }

            #[tokio::test(start_paused = true)]
            async fn shorter_timeout_expires() {
                meets_limits(NAME, |docker| tests::scenarios::$module::$name(docker)).await;
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

/// In every mode; only a replay is on the paused clock.
fn takes_its_time<Fut: Future<Output = Result<()>>>(name: &str, run: impl Fn(Docker) -> Fut) {
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

/// A limit of one second runs out, one of five does not, in whatever pieces the replies come.
async fn meets_limits<Fut: Future<Output = Result<()>>>(name: &str, run: impl Fn(Docker) -> Fut) {
    for engine in ENGINES {
        let recording = Recording::load(&scenario(name).path(engine)).unwrap();
        for mutation in [Fault::None, Fault::Pieces(1), Fault::Together] {
            let player = || Player::new(recording.clone()).unwrap();
            let case = format!("{name} of {engine}, {mutation:?}");
            let begin = Instant::now();
            let outcome = run(limited(Faulty::new(player(), mutation), 1)).await;
            let kind = outcome.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::Timeout), "{case}");
            assert_eq!(begin.elapsed().as_secs(), 1, "{case}");

            let patient = player();
            run(limited(Faulty::new(patient.clone(), mutation), 5))
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            patient.finish().unwrap();

            let begin = Instant::now();
            run(limited(Faulty::new(player().skip_delays(), mutation), 1))
                .await
                .unwrap();
            assert_eq!(begin.elapsed().as_secs(), 0, "{case}");
        }
    }
}
