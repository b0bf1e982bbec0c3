//! Replays the scenarios of `isolation` from each engine they were recorded on.
//!
//! `ENGINE=record ENGINES=name=address,… cargo test -p tests --test it replay::isolation` records
//! them again.

use engine_api::Docker;
use engine_fixtures::{Scenario, recordings_dir};

macro_rules! replayed {
    ($($module:ident { $($name:ident)* })*) => {$(
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let name = concat!("isolation/", stringify!($module), "/", stringify!($name));
                let scenario = super::scenario(name);
                let outcome = scenario.run(|connector| async move {
                    let docker = super::Docker::with_connector(connector);
                    Ok(tests::scenarios::isolation::$module::$name(docker).await?)
                });
                if let Err(error) = outcome.await {
                    panic!("{}", tests::chain(&error));
                }
            })*
        }
    )*};
}

fn scenario(name: &str) -> Scenario {
    Scenario::new(name)
        .recordings(recordings_dir())
        .name_prefix("ptest_one_")
        .name_prefix("ptest_two_")
        .name_prefix("localhost/isolate-build:")
}

tests::for_each_isolation_scenario!(replayed);
