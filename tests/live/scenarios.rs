//! Runs every scenario on each engine of `ENGINES`.

use engine_api::Docker;
use engine_fixtures::Scenario;
use tokio::sync::Mutex;

use crate::support::required;

/// Runs one scenario at a time: they share the parts of an engine that exist once, such as its
/// swarm, the objects that a prune removes, and one small image.
static ALONE: Mutex<()> = Mutex::const_new(());

macro_rules! live {
    ($($module:ident { $($name:ident $([$tag:ident])?)* })*) => {$(
        mod $module {
            $(live_test!($module $name $($tag)?);)*
        }
    )*};
}

macro_rules! live_test {
    ($module:ident $name:ident registry) => {
        #[tokio::test]
        #[ignore = "needs a registry: set REGISTRY"]
        async fn $name() {
            super::required("REGISTRY");
            run_live!($module $name);
        }
    };
    ($module:ident $name:ident $($tag:ident)?) => {
        #[tokio::test]
        async fn $name() {
            run_live!($module $name);
        }
    };
}

macro_rules! run_live {
    ($module:ident $name:ident) => {
        let _alone = super::ALONE.lock().await;
        let scenario = super::Scenario::new(concat!(stringify!($module), "/", stringify!($name)));
        let outcome = scenario.live(|connector| async move {
            Ok(tests::scenarios::$module::$name(super::Docker::with_connector(connector)).await?)
        });
        if let Err(error) = outcome.await {
            panic!("{}", tests::chain(&error));
        }
    };
}

tests::for_each_scenario!(live);

macro_rules! live_isolation {
    ($($module:ident { $($name:ident)* })*) => {$(
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let _alone = super::ALONE.lock().await;
                let name = concat!("isolation/", stringify!($module), "/", stringify!($name));
                let scenario = super::Scenario::new(name);
                let outcome = scenario.live(|connector| async move {
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

/// The scenarios of the docker engine of `isolation`.
mod isolation {
    use super::{ALONE, Docker, Scenario};

    tests::for_each_isolation_scenario!(live_isolation);
}
