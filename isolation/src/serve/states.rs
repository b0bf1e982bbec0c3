//! Requests about forks, snapshots, and what an engine knows about a failure.

use serde_json::{Map, Value};

#[cfg(not(unix))]
use super::answers::not_a_request;
use super::answers::object;
use super::session::{Session, opened};
use crate::engine::capabilities::Feature;
use crate::error::Result;
use crate::manager::fork::ForkOptions;
use crate::protocol::call::Call;
use crate::protocol::states::{Explain, Explained, Fork, Forked, Point};

/// Does what a request asks for; returns its result.
pub(super) async fn run(session: &Session, call: Call) -> Result<Map<String, Value>> {
    match call {
        Call::Fork(fork) => object(&self::fork(session, fork).await?),
        Call::ForkPoint(of) => {
            let environment = session.environment(&of.environment).await?;
            let shared = environment.shared();
            let Some(forks) = shared.instance.forks() else {
                return Err(shared.no_facet(Feature::Snapshots));
            };
            let point = session.points().add(forks.fork_point().await?);
            object(&Point { point })
        }
        Call::ReleaseForkPoint(Point { point }) => {
            let released = session.points().remove(point);
            drop(released);
            Ok(Map::new())
        }
        Call::Recreate(of) => {
            let environment = session.environment(&of.environment).await?;
            let shared = environment.shared();
            let Some(facet) = shared.instance.recreate() else {
                return Err(shared.no_facet(Feature::Recreation));
            };
            facet.recreate().await?;
            environment.inspect().await?;
            Ok(Map::new())
        }
        Call::Explain(explain) => object(&self::explain(session, explain).await?),
        #[cfg(unix)]
        other => super::snapshots::run(session, other).await,
        #[cfg(not(unix))]
        _ => Err(not_a_request()),
    }
}

async fn fork(session: &Session, fork: Fork) -> Result<Forked> {
    let environment = session.environment(&fork.environment).await?;
    let options = ForkOptions {
        name: fork.name,
        lifetime: fork.lifetime,
    };
    let made = session.manager().fork(&environment, fork.count, options).await?;
    made.iter().for_each(|one| session.insert(one));
    let environments = made.iter().map(opened).collect();
    Ok(Forked { environments })
}

async fn explain(session: &Session, explain: Explain) -> Result<Explained> {
    let environment = session.environment(&explain.environment).await?;
    let Some(inspection) = environment.shared().instance.inspection() else {
        return Ok(Explained::default());
    };
    let found = inspection.findings(explain.program.as_deref()).await?;
    Ok(Explained {
        platforms: found.platforms,
        program: found.program,
        error: found.error,
        out_of_memory: found.out_of_memory,
        documents: inspection.documents().await?,
    })
}
