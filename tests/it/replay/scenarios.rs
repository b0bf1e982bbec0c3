//! Replays every scenario from each engine it was recorded on.
//!
//! `ENGINE=record ENGINES=name=address,… cargo test -p tests --test it replay::scenarios` records
//! them again.

use engine_api::Docker;
use engine_fixtures::{Scenario, recordings_dir};

macro_rules! replayed {
    ($($module:ident { $($name:ident $([$tag:ident])?)* })*) => {$(
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let scenario = super::scenario(concat!(stringify!($module), "/", stringify!($name)));
                let outcome = scenario.run(|connector| async move {
                    Ok(tests::scenarios::$module::$name(super::Docker::with_connector(connector)).await?)
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
        .name_prefix("ptest_")
}

tests::for_each_scenario!(replayed);
