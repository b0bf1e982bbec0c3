//! Checks of creation, status, lists and destruction.

use super::subject::{Outcome, Subject, Why, ensure, equal, refused, sh};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::environment::CopySource;
use crate::environment::id::EnvironmentId;
use crate::spec::mount::Mount;
use crate::spec::{CopyIn, EnvironmentSpec, ResourceLimits};
use crate::{ErrorKind, Status};

pub(super) async fn available(subject: &Subject<'_>) -> Outcome {
    let availability = subject.engine.availability().await;
    ensure(availability.is_available(), availability.to_string())
}

pub(super) async fn status_steps(subject: &Subject<'_>) -> Outcome {
    let environment = subject.engine.create((subject.make_spec)()).await?;
    equal("after creation", environment.status(), Status::Created)?;
    let early = environment.run(Command::shell("true")).await;
    refused("a command before the start", early, ErrorKind::WrongStatus)?;
    environment.start().await?;
    environment.start().await?;
    equal("after the start", environment.status(), Status::Running)?;
    environment.destroy().await?;
    equal("after destruction", environment.status(), Status::Destroyed)?;
    let late = environment.run(Command::shell("true")).await;
    refused("a command after destruction", late, ErrorKind::WrongStatus)?;
    let late = environment.copy_in(CopySource::bytes("x"), "x").await;
    refused("a copy after destruction", late, ErrorKind::WrongStatus)?;
    refused(
        "a start after destruction",
        environment.start().await,
        ErrorKind::WrongStatus,
    )
}

pub(super) async fn identity(subject: &Subject<'_>) -> Outcome {
    let spec = EnvironmentSpec {
        name: Some("conformance".into()),
        owner: Some("somebody".into()),
        session: Some("some-session".into()),
        ..(subject.make_spec)()
    };
    let first = subject.engine.create(spec.clone()).await?;
    let second = subject.engine.create(spec.clone()).await?;
    ensure(first.id() != second.id(), "two environments have one id")?;
    equal("the name", first.name(), "conformance")?;
    equal("the engine", first.engine(), subject.engine.name())?;
    ensure(*first.spec() == spec, "the specification is another")?;
    let listed = subject.engine.list().await?;
    let Some(summary) = listed.iter().find(|summary| summary.id == *first.id()) else {
        return Err(Why("it is not listed".into()));
    };
    equal("the listed name", summary.name.as_str(), "conformance")?;
    equal("the listed owner", summary.owner.as_deref(), Some("somebody"))?;
    equal(
        "the listed session",
        summary.session.as_deref(),
        Some("some-session"),
    )?;
    first.destroy().await?;
    Ok(second.destroy().await?)
}

/// A specification that needs one feature; `None` for features that no specification needs.
fn needing(feature: Feature, spec: EnvironmentSpec) -> Option<EnvironmentSpec> {
    let mount = |read_only| {
        let (source, target) = (std::env::temp_dir(), "/conformance".to_owned());
        vec![Mount {
            source,
            target,
            read_only,
        }]
    };
    let limits = |limits: ResourceLimits| EnvironmentSpec {
        limits,
        ..spec.clone()
    };
    Some(match feature {
        Feature::Images => EnvironmentSpec {
            image: Some("busybox".into()),
            ..spec
        },
        Feature::MemoryLimit => limits(ResourceLimits {
            memory: Some(1 << 28),
            ..ResourceLimits::default()
        }),
        Feature::CpuLimit => limits(ResourceLimits {
            cpus: Some(0.5),
            ..ResourceLimits::default()
        }),
        Feature::PidsLimit => limits(ResourceLimits {
            pids: Some(64),
            ..ResourceLimits::default()
        }),
        Feature::Mounts => EnvironmentSpec {
            mounts: mount(false),
            ..spec
        },
        Feature::ReadOnlyMounts => EnvironmentSpec {
            mounts: mount(true),
            ..spec
        },
        _ => return None,
    })
}

pub(super) async fn lacks_are_named(subject: &Subject<'_>) -> Outcome {
    let capabilities = subject.engine.capabilities();
    let session = session();
    for feature in Feature::ALL
        .into_iter()
        .filter(|feature| !capabilities.has(*feature))
    {
        let Some(spec) = needing(feature, (subject.make_spec)()) else {
            continue;
        };
        let spec = EnvironmentSpec {
            session: Some(session.clone()),
            ..spec
        };
        let Err(error) = subject.engine.create(spec).await else {
            return Err(Why(format!("{feature}: silently ignored")));
        };
        equal(&feature.to_string(), error.kind(), ErrorKind::Unsupported)?;
        let named = error
            .missing()
            .iter()
            .any(|lack| lack.feature == feature && !lack.reason.is_empty());
        ensure(named, format!("{feature}: the error does not name it: {error}"))?;
    }
    equal("environments left", subject.of_session(&session).await?, 0)?;
    if !capabilities.has(Feature::Tty) {
        let environment = subject.environment().await?;
        let command = Command {
            tty: true,
            ..Command::shell("true")
        };
        refused(
            "a terminal",
            environment.execute(command).await,
            ErrorKind::Unsupported,
        )?;
    }
    Ok(())
}

pub(super) async fn bad_specification(subject: &Subject<'_>) -> Outcome {
    let spec = || (subject.make_spec)();
    let env = [("A=B".to_owned(), String::new())].into();
    let bad = [
        EnvironmentSpec {
            name: Some(" ".into()),
            ..spec()
        },
        EnvironmentSpec { env, ..spec() },
        EnvironmentSpec {
            working_dir: Some("a\0b".into()),
            ..spec()
        },
    ];
    for spec in bad {
        let what = format!("{spec:?}");
        refused(&what, subject.engine.create(spec).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

pub(super) async fn failed_creation(subject: &Subject<'_>) -> Outcome {
    let session = session();
    let source = std::env::current_exe()?;
    let copies = vec![CopyIn {
        source,
        target: "../../../../../../outside".into(),
    }];
    let spec = EnvironmentSpec {
        copies,
        session: Some(session.clone()),
        ..(subject.make_spec)()
    };
    let created = subject.engine.create(spec).await;
    refused("a copy to outside", created, ErrorKind::OutsideEnvironment)?;
    equal("environments left", subject.of_session(&session).await?, 0)
}

/// A unique session, to count the environments of one check: others may use the engine too.
fn session() -> String {
    format!("conformance-{}", EnvironmentId::random())
}

pub(super) async fn listed(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    ensure(subject.lists(environment.id()).await?, "it is not listed")?;
    environment.destroy().await?;
    ensure(!subject.lists(environment.id()).await?, "it is still listed")
}

pub(super) async fn destroyed_by_id(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    subject.engine.destroy(environment.id()).await?;
    ensure(!subject.lists(environment.id()).await?, "it is still listed")?;
    let again = subject.engine.destroy(environment.id()).await;
    refused("an id that is gone", again, ErrorKind::NotFound)?;
    Ok(environment.destroy().await?)
}

pub(super) async fn destroyed_twice(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    environment.destroy().await?;
    environment.destroy().await?;
    environment.destroy_blocking();
    equal("the status", environment.status(), Status::Destroyed)
}

pub(super) async fn dropped(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let id = environment.id().clone();
    // On a thread without a runtime, where a guard may be dropped too.
    let elsewhere = std::thread::spawn(move || drop(environment));
    ensure(elsewhere.join().is_ok(), "the drop panicked")?;
    ensure(!subject.lists(&id).await?, "it is still listed")
}

pub(super) async fn kept(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let id = environment.id().clone();
    sh(environment.as_ref(), "true").await?;
    environment.keep();
    drop(environment);
    ensure(subject.lists(&id).await?, "it is gone")?;
    Ok(subject.engine.destroy(&id).await?)
}
