//! Every scenario, on each engine of `ENGINES`.

use engine_api::Docker;
use engine_fixtures::Scenario;
use tokio::sync::Mutex;

/// Where the scenarios with a registry expect it, for the engines as for us.
const REGISTRY: &str = "127.0.0.1:5000";

/// Whether a scenario needs a registry, and there is none.
fn lacks_registry(scenario: &str) -> bool {
    let needs = ["distribution/", "registry/", "plugins/transfer"];
    needs.iter().any(|start| scenario.starts_with(start)) && std::net::TcpStream::connect(REGISTRY).is_err()
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
                    eprintln!("{name}: not run, there is no registry at {}", super::REGISTRY);
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
