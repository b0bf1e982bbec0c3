//! Every scenario, on each engine of `ENGINES`.

use engine_api::Docker;
use engine_fixtures::Scenario;
use tokio::sync::Mutex;

use crate::support::{not_run, said};

/// Whether a scenario needs a registry, and `REGISTRY` names none.
fn lacks_registry(scenario: &str) -> bool {
    let needs = ["distribution/", "registry/", "plugins/transfer"];
    needs.iter().any(|start| scenario.starts_with(start)) && said("REGISTRY").is_none()
}

/// One scenario at a time: they share what an engine has only once, such as its swarm, what a prune may
/// take, and one small image.
static ALONE: Mutex<()> = Mutex::const_new(());

macro_rules! live {
    ($($module:ident { $($name:ident)* })*) => {$(
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let name = concat!(stringify!($module), "/", stringify!($name));
                if super::lacks_registry(name) {
                    super::not_run(&format!("{name}: REGISTRY names none"));
                    return;
                }
                let _alone = super::ALONE.lock().await;
                let scenario = super::Scenario::new(name);
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
