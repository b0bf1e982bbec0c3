//! Every scenario, on each engine of `ENGINES`.

use engine_api::Docker;
use engine_fixtures::Scenario;

macro_rules! live {
    ($($module:ident { $($name:ident)* })*) => {$(
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let scenario = super::Scenario::new(concat!(stringify!($module), "/", stringify!($name)));
                let outcome = scenario.live(|connector| async move {
                    Ok(tests::scenarios::$module::$name(super::Docker::with_connector(connector)).await?)
                });
                if let Err(error) = outcome.await {
                    panic!("{}", tests::chain(&error));
                }
            })*
        }
    )*};
}

tests::for_each_scenario!(live);
