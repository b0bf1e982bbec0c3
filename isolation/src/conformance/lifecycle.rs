//! Checks of creation, status, lists and destruction.

use std::time::Duration;

use super::subject::{Outcome, Subject, Why, ensure, equal, refused, sh};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::environment::id::EnvironmentId;
use crate::files::CopySource;
use crate::spec::image_build::ImageBuild;
use crate::spec::limits::ResourceLimits;
use crate::spec::limits::ulimit::Ulimit;
use crate::spec::main_process::Main;
use crate::spec::mount::Mount;
use crate::spec::network::{NetworkMode, NetworkSpec};
use crate::spec::security::SecuritySpec;
use crate::spec::{CopyIn, EnvironmentSpec};
use crate::{ErrorKind, Status};

pub(super) async fn available(subject: &Subject<'_>) -> Outcome {
    let availability = subject.engine.probe().await.availability;
    ensure(availability.is_available(), availability.to_string())
}

pub(super) async fn status_steps(subject: &Subject<'_>) -> Outcome {
    let environment = subject.create((subject.make_spec)()).await?;
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
    let first = subject.create(spec.clone()).await?;
    let second = subject.create(spec.clone()).await?;
    ensure(first.id() != second.id(), "two environments have one id")?;
    equal("the name", first.name(), "conformance")?;
    equal("the engine", first.engine(), subject.engine.name())?;
    ensure(*first.spec() == spec, "the specification is another")?;
    let state = first.inspect().await?;
    equal("the inspected status", state.status, Status::Created)?;
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

/// A specification that needs one feature; `None` if no specification can need it.
fn needing(feature: Feature, spec: EnvironmentSpec) -> Option<EnvironmentSpec> {
    let text = || Some("conformance".to_owned());
    let mount = |mount| vec![mount];
    let read_only = Mount {
        read_only: true,
        ..Mount::host(std::env::temp_dir(), "/conformance")
    };
    let limits = ResourceLimits::default;
    let security = SecuritySpec::default;
    let network = |mode| NetworkSpec {
        mode,
        ..NetworkSpec::default()
    };
    let named = NetworkMode::Named("conformance".into());
    let capabilities = vec!["NET_RAW".to_owned()];
    let mut spec = spec;
    match feature {
        Feature::Images => spec.image = Some("busybox".into()),
        Feature::ImageBuilds => spec.build = Some(ImageBuild::directory(std::env::temp_dir())),
        Feature::MemoryLimit => {
            spec.limits = ResourceLimits {
                memory: Some(1 << 28),
                ..limits()
            }
        }
        Feature::CpuLimit => {
            spec.limits = ResourceLimits {
                cpus: Some(0.5),
                ..limits()
            }
        }
        Feature::PidsLimit => {
            spec.limits = ResourceLimits {
                pids: Some(64),
                ..limits()
            }
        }
        Feature::CpuSet => spec.limits.cpuset_cpus = Some("0".into()),
        Feature::DiskLimit => spec.limits.disk = Some(1 << 30),
        Feature::SharedMemorySize => spec.limits.shm_size = Some(1 << 24),
        Feature::Ulimits => spec.limits.ulimits = [("nofile".to_owned(), Ulimit::new(64))].into(),
        Feature::BlockIoLimits => spec.limits.block_io.weight = Some(500),
        Feature::Mounts => spec.mounts = mount(Mount::host(std::env::temp_dir(), "/conformance")),
        Feature::Volumes => spec.mounts = mount(Mount::volume("conformance", "/conformance")),
        Feature::Tmpfs => spec.mounts = mount(Mount::tmpfs("/conformance", None)),
        Feature::ReadOnlyMounts => spec.mounts = mount(read_only),
        Feature::NetworkIsolation => spec.network = network(NetworkMode::None),
        Feature::Networks => spec.network = network(named),
        Feature::Ports => spec.network.ports = vec![80.into()],
        Feature::Users => spec.user = text(),
        Feature::ReadOnlyRoot => {
            spec.security = SecuritySpec {
                read_only_root: true,
                ..security()
            }
        }
        Feature::KernelCapabilities => {
            spec.security = SecuritySpec {
                add_capabilities: capabilities,
                ..security()
            };
        }
        Feature::MainProcess => spec.main = Main::Command(Command::new(["true"])),
        _ => return None,
    }
    Some(spec)
}

pub(super) async fn missing_are_named(subject: &Subject<'_>) -> Outcome {
    let session = session();
    let missing = |feature: &Feature| !subject.capabilities.has(*feature);
    for feature in Feature::ALL.into_iter().filter(missing) {
        let Some(mut spec) = needing(feature, (subject.make_spec)()) else {
            continue;
        };
        spec.session = Some(session.clone());
        let Err(error) = subject.create(spec).await else {
            return Err(Why(format!("{feature}: silently ignored")));
        };
        equal(&feature.to_string(), error.kind(), ErrorKind::Unsupported)?;
        let is_it = |one: &MissingFeature| one.feature == feature && !one.reason.is_empty();
        let named = error.missing().iter().any(is_it);
        ensure(named, format!("{feature}: the error does not name it: {error}"))?;
    }
    equal("environments left", subject.of_session(&session).await?, 0)?;
    if missing(&Feature::Tty) {
        let environment = subject.environment().await?;
        let command = Command {
            terminal: Some(crate::TerminalSize::default()),
            ..Command::shell("true")
        };
        let started = environment.execute(command).await;
        refused("a terminal", started, ErrorKind::Unsupported)?;
    }
    Ok(())
}

/// The facets and the capabilities agree.
pub(super) async fn facets_match(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let has = |feature| subject.capabilities.has(feature);
    let refused_as_missing = |error: &crate::Error| error.kind() == ErrorKind::Unsupported;
    let ran = environment.run(Command::shell("true")).await;
    let missing = ran.as_ref().is_err_and(refused_as_missing);
    equal("commands", !missing, has(Feature::Commands))?;
    let copied = environment.copy_in(CopySource::bytes("x"), "x").await;
    let missing = copied.as_ref().is_err_and(refused_as_missing);
    equal("copying in", !missing, has(Feature::CopyIn))?;
    #[cfg(unix)]
    {
        let saves = environment.shared().instance.saves().is_some();
        equal("snapshots", saves, has(Feature::Snapshots))?;
    }
    let waited = environment.wait().await;
    refused("waiting without a main process", waited, ErrorKind::Unsupported)?;
    Ok(environment.destroy().await?)
}

pub(super) async fn bad_specification(subject: &Subject<'_>) -> Outcome {
    let spec = || (subject.make_spec)();
    let env = [("A=B", "")].into();
    let options = [(
        subject.engine.name().to_owned(),
        serde_json::json!({"no_such_option": 1}),
    )];
    let bad = [
        EnvironmentSpec {
            engine_options: options.into(),
            ..spec()
        },
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
        refused(&what, subject.create(spec).await, ErrorKind::InvalidInput)?;
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
    let created = subject.create(spec).await;
    refused("a copy to outside", created, ErrorKind::OutsideEnvironment)?;
    equal("environments left", subject.of_session(&session).await?, 0)
}

/// A unique session, to count the environments of one check: other programs may use the engine,
/// too.
fn session() -> String {
    format!("conformance-{}", EnvironmentId::random())
}

pub(super) async fn listed(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    ensure(subject.lists(environment.id()).await?, "it is not listed")?;
    environment.destroy().await?;
    ensure(!subject.lists(environment.id()).await?, "it is still listed")
}

pub(super) async fn any_name(subject: &Subject<'_>) -> Outcome {
    for name in ["größe 7/../x", "-", &"n".repeat(300)] {
        let mut spec = (subject.make_spec)();
        spec.name = Some(name.to_owned());
        let environment = subject.create(spec).await?;
        equal("the name", environment.name(), name)?;
        let listed = subject.engine.list().await?;
        let shown = listed.iter().find(|one| one.id == *environment.id());
        equal("the listed name", shown.map(|one| one.name.as_str()), Some(name))?;
        environment.destroy().await?;
    }
    Ok(())
}

pub(super) async fn stopped_and_started(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "echo kept > file; (while :; do echo > beat; sleep 0.05; done) >/dev/null 2>&1 &";
    sh(&environment, script).await?;
    environment.stop(Duration::from_secs(2)).await?;
    equal("after the stop", environment.status(), Status::Stopped)?;
    equal("inspected", environment.inspect().await?.status, Status::Stopped)?;
    environment.stop(Duration::from_secs(2)).await?;
    let early = environment.run(Command::shell("true")).await;
    refused("a command while stopped", early, ErrorKind::WrongStatus)?;
    environment.start().await?;
    equal("the file", sh(&environment, "cat file").await?.as_str(), "kept")?;
    let script = "rm -f beat; sleep 0.3; [ ! -e beat ] || echo alive";
    let beat = sh(&environment, script).await?;
    equal("the process in the background", beat.as_str(), "")?;
    environment.restart(Duration::from_secs(2)).await?;
    equal("after a restart", environment.status(), Status::Running)?;
    environment.kill(Signal::Kill).await?;
    equal("after a kill", environment.status(), Status::Stopped)?;
    environment.start().await?;
    sh(&environment, "true").await?;
    Ok(environment.destroy().await?)
}

pub(super) async fn signal_without_main(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let sent = environment.kill(Signal::User1).await;
    refused("a signal without a main process", sent, ErrorKind::Unsupported)?;
    sh(&environment, "true").await?;
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
    let clone = environment.clone();
    drop(environment);
    ensure(subject.lists(&id).await?, "it is gone although a handle is left")?;
    // On a thread without a runtime, where a guard may be dropped too.
    let elsewhere = std::thread::spawn(move || drop(clone));
    ensure(elsewhere.join().is_ok(), "the drop panicked")?;
    ensure(!subject.lists(&id).await?, "it is still listed")
}

pub(super) async fn kept(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let id = environment.id().clone();
    sh(&environment, "true").await?;
    environment.keep().await?;
    drop(environment);
    ensure(subject.lists(&id).await?, "it is gone")?;
    let again = subject.manager.open(id.as_str()).await?;
    Ok(again.destroy().await?)
}
