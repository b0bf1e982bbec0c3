//! The functions of the requests.

use serde_json::{Map, Value};

use super::answers::{Answers, object};
use super::running::StreamSide;
use super::session::Session;
use super::stream;
use super::{environments, packages, states};
use crate::error::Result;
use crate::protocol::answer::{Engines, Listed, Probed, Removed};
use crate::protocol::call::Call;

/// Handles a request; returns its result.
pub(super) async fn run(
    session: &Session,
    id: u64,
    call: Call,
    stream: Option<&mut StreamSide>,
    answers: &Answers,
) -> Result<Map<String, Value>> {
    match (call, stream) {
        (Call::Engines(_), _) => Box::pin(engines(session)).await,
        (Call::Probe(of), _) => object(&session.engine(of.engine.as_deref())?.probe().await),
        (Call::List(of), _) => Box::pin(list(session, of.engine.as_deref())).await,
        (Call::Create(create), _) => object(&Box::pin(session.create(*create)).await?),
        (Call::Open(of), _) => object(&Box::pin(session.open(&of.environment)).await?),
        (Call::Destroy(of), _) => {
            Box::pin(session.destroy(&of.environment)).await?;
            Ok(Map::new())
        }
        (Call::Remove(remove), _) => {
            let removed = Box::pin(session.remove(&remove)).await?;
            object(&Removed { removed })
        }
        (Call::Exec(exec), Some(side)) => {
            let environment = Box::pin(session.environment(&exec.environment)).await?;
            let execution = Box::pin(environment.execute(exec.command)).await?;
            stream::output(execution, id, side, answers).await
        }
        (Call::StartAttached(attach), Some(side)) => {
            let environment = Box::pin(session.environment(&attach.environment)).await?;
            let execution = Box::pin(environment.start_attached()).await?;
            stream::output(execution, id, side, answers).await
        }
        (Call::Logs(log), Some(side)) => {
            let environment = Box::pin(session.environment(&log.environment)).await?;
            let lines = Box::pin(environment.logs(log.options())).await?;
            stream::log(lines, id, side, answers).await
        }
        (Call::Events(_), _) => stream::events(session.manager().subscribe(), id, answers).await,
        (Call::Watch(of), _) => {
            let engine = session.engine(of.engine.as_deref())?;
            let watching = session.manager().watch(engine.name()).await?;
            stream::until_cancelled(watching, id, answers).await
        }
        (Call::Reports(of), _) => {
            let engine = session.engine(of.engine.as_deref())?;
            stream::reports(engine.as_ref(), id, answers).await
        }
        (call @ (Call::ListPackages(_) | Call::InstallPackages(_) | Call::UninstallPackages(_)), _) => {
            Box::pin(packages::run(session, call)).await
        }
        (
            call @ (Call::Fork(_)
            | Call::ForkPoint(_)
            | Call::ReleaseForkPoint(_)
            | Call::Recreate(_)
            | Call::Explain(_)
            | Call::Snapshot(_)
            | Call::Snapshots(_)
            | Call::Restore(_)
            | Call::RemoveSnapshot(_)),
            _,
        ) => Box::pin(states::run(session, call)).await,
        (call, _) => Box::pin(environments::run(session, call)).await,
    }
}

async fn engines(session: &Session) -> Result<Map<String, Value>> {
    let mut engines = Vec::new();
    for engine in session.manager().registry().engines() {
        engines.push(Probed {
            name: engine.name().to_owned(),
            probe: engine.probe().await,
        });
    }
    object(&Engines { engines })
}

async fn list(session: &Session, engine: Option<&str>) -> Result<Map<String, Value>> {
    let (environments, rejected) = match engine {
        Some(name) => (session.engine(Some(name))?.list().await?, Vec::new()),
        None => session.manager().registry().list().await,
    };
    object(&Listed {
        environments,
        rejected,
    })
}
