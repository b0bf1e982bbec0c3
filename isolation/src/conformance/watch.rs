//! Checks of the reports of an engine: events about actions of other processes.

use super::subject::{Outcome, Subject, Why, ensure, equal};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::environment::id::EnvironmentId;
use crate::events::{EventKind, Subject as About, Subscription};
use crate::spec::main_process::Main;
use crate::{Environment, ErrorKind, EventKind as Kind, Feature, Status};

/// Reads events up to the expected one of this environment; returns it.
async fn until(
    events: &mut Subscription,
    id: &EnvironmentId,
    what: &str,
    wanted: impl Fn(&EventKind) -> bool,
) -> Result<EventKind, Why> {
    while let Some(event) = events.next().await {
        let event = event?;
        let is_ours = matches!(&event.subject, About::Environment { id: of, .. } if of == id);
        if is_ours && wanted(&event.kind) {
            return Ok(event.kind);
        }
    }
    Err(Why(format!("no event: {what}")))
}

async fn environment(subject: &Subject<'_>) -> Result<Environment, Why> {
    let mut spec = (subject.make_spec)();
    if subject.capabilities.has(Feature::MainProcess) {
        spec.main = Main::Command(Command::shell("trap 'exit 5' TERM; while :; do sleep 0.1; done"));
    }
    Ok(subject.create(spec).await?)
}

/// Actions of another process are reported, and the status follows.
pub(super) async fn others_are_seen(subject: &Subject<'_>) -> Outcome {
    let mut events = subject.manager.subscribe();
    let engine = subject.engine.name();
    let _watching = match subject.manager.watch(engine).await {
        Ok(watching) => watching,
        Err(error) => return equal("the error", error.kind(), ErrorKind::Unsupported),
    };
    let environment = environment(subject).await?;
    let id = environment.id().clone();
    let other = subject.other_manager()?.open(id.as_str()).await?;
    other.start().await?;
    until(&mut events, &id, "started", |kind| *kind == Kind::Started).await?;
    equal("the status", environment.status(), Status::Running)?;
    other.kill(Signal::Kill).await?;
    if subject.capabilities.has(Feature::MainProcess) {
        let exited = until(&mut events, &id, "exited", |kind| {
            matches!(kind, Kind::Exited { .. })
        })
        .await?;
        let code = match exited {
            Kind::Exited { exit } => exit.code,
            _ => 0,
        };
        equal("the exit code", code, 137)?;
    }
    until(&mut events, &id, "stopped", |kind| *kind == Kind::Stopped).await?;
    equal("the status", environment.status(), Status::Stopped)?;
    other.destroy().await?;
    until(&mut events, &id, "lost", |kind| *kind == Kind::Lost).await?;
    equal("the status", environment.status(), Status::Lost)?;
    Ok(environment.destroy().await?)
}

/// Actions of this process are not reported twice.
pub(super) async fn ours_are_reported_once(subject: &Subject<'_>) -> Outcome {
    let engine = subject.engine.name();
    let watching = match subject.manager.watch(engine).await {
        Ok(watching) => watching,
        Err(error) => return equal("the error", error.kind(), ErrorKind::Unsupported),
    };
    let mut events = subject.manager.subscribe();
    let environment = environment(subject).await?;
    let id = environment.id().clone();
    environment.start().await?;
    environment.kill(Signal::Kill).await?;
    environment.destroy().await?;
    // The lifecycle of another environment. After it, all reports about the first one were handled.
    let second = subject.environment().await?;
    second.destroy().await?;
    let mut count = [0; 3];
    loop {
        let Some(event) = events.next().await else { break };
        let event = event?;
        let About::Environment { id: of, .. } = &event.subject else {
            continue;
        };
        if of == second.id() && event.kind == Kind::Destroyed {
            break;
        }
        if *of == id {
            count[0] += usize::from(event.kind == Kind::Started);
            count[1] += usize::from(event.kind == Kind::Stopped);
            count[2] += usize::from(matches!(event.kind, Kind::Destroyed | Kind::Lost));
        }
    }
    drop(watching);
    ensure(
        count == [1, 1, 1],
        format!("started, stopped, destroyed: {count:?} times"),
    )
}
