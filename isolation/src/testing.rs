//! Runs the tests of the attribute `#[isolation::test]`.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitCode, Termination};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::config::Settings;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::manager::Manager;
use crate::manager::registry::{EngineChoice, Registry};
use crate::spec::EnvironmentSpec;
use crate::spec::json_words::nearest;

/// The future of a test.
type Body<T> = Pin<Box<dyn Future<Output = T>>>;

/// The manager of the environments that the tests of this program share, and a handle of each,
/// which keeps it until the end of the program.
static SHARED: OnceLock<Manager> = OnceLock::new();
static HANDLES: Mutex<Handles> = Mutex::new(Handles {
    users: 0,
    environments: Vec::new(),
});

struct Handles {
    /// The number of tests that use them now.
    users: usize,
    environments: Vec<Environment>,
}

/// The use of a shared environment by a test.
struct Use;

impl Use {
    fn begin(environment: &Environment) -> Self {
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        handles.users += 1;
        handles.environments.push(environment.clone());
        Self
    }

    /// Ends the use. At the end of the program, the reaper removes the shared environments. Without
    /// a reaper, the last running test removes them, and a later test creates another environment.
    async fn end(self) -> Result<()> {
        let left = {
            let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
            handles.users -= 1;
            match handles.users == 0 && !is_reaped() {
                true => std::mem::take(&mut handles.environments),
                false => Vec::new(),
            }
        };
        for environment in left {
            environment.destroy().await?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn is_reaped() -> bool {
    crate::manager::options::Reaper::default().program().is_some()
}

#[cfg(not(unix))]
fn is_reaped() -> bool {
    false
}

/// Runs a test on an engine: creates its environment, runs `body` with it, and destroys it. If the
/// engine is not available or does not support a required feature, the test prints the reason and
/// passes.
///
/// # Panics
///
/// When the environment cannot be created or destroyed, or the test fails.
#[doc(hidden)]
#[expect(clippy::panic, clippy::print_stderr, reason = "a test reports its failure so")]
pub fn run<T: Termination + 'static>(
    engine: &str,
    image: Option<&str>,
    shared: bool,
    spec: EnvironmentSpec,
    body: impl FnOnce(Environment) -> Body<T>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a runtime: {error}"),
    };
    let done = LocalSet::new().block_on(&runtime, Box::pin(attempt(engine, image, shared, spec, body)));
    match done {
        Ok(Ended::Passed) => {}
        Ok(Ended::Failed) => panic!("the test returned an error"),
        Ok(Ended::Panicked(panic)) => std::panic::resume_unwind(panic),
        Err(error) if is_skip(&error) => {
            eprintln!("skipped: {error}");
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The outcome of a test.
enum Ended {
    Passed,
    Failed,
    Panicked(Box<dyn std::any::Any + Send>),
}

/// Whether a test cannot run here, which is not a failure.
fn is_skip(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Unsupported | ErrorKind::NoEngine
    ) && std::env::var_os("ISOLATE_TEST_SKIP").is_none_or(|value| value != "never")
}

async fn attempt<T: Termination + 'static>(
    engine: &str,
    image: Option<&str>,
    shared: bool,
    mut spec: EnvironmentSpec,
    body: impl FnOnce(Environment) -> Body<T>,
) -> Result<Ended> {
    let choice: EngineChoice = match engine.parse() {
        Ok(choice) => choice,
        Err(never) => match never {},
    };
    let registry = registry()?;
    check_name(&registry, &choice)?;
    let own = match shared {
        true => None,
        false => Some(Manager::new(registry.clone())),
    };
    let manager = own
        .as_ref()
        .unwrap_or_else(|| SHARED.get_or_init(|| Manager::new(registry)));
    if let Some(image) = image {
        let has_images = has_images(manager, &choice).await?;
        spec.image = has_images.then(|| image.to_owned());
    }
    let environment = match shared {
        false => manager.create(&choice, spec).await?,
        true => {
            // Each test program has its own.
            let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::new());
            spec.labels
                .insert("isolation.test".to_owned(), program.display().to_string());
            manager.shared(&choice, spec).await?
        }
    };
    let shared = shared.then(|| Use::begin(&environment));
    // The body runs as a separate task: a panic ends only that task, and the environment is still
    // destroyed.
    let ended = tokio::task::spawn_local(body(environment)).await;
    if let Some(own) = own {
        own.shutdown().await?;
    }
    if let Some(shared) = shared {
        shared.end().await?;
    }
    Ok(match ended {
        Ok(outcome) => match outcome.report() == ExitCode::SUCCESS {
            true => Ended::Passed,
            false => Ended::Failed,
        },
        Err(error) => error.try_into_panic().map_or(Ended::Failed, Ended::Panicked),
    })
}

/// Fails if a name differs only a little from that of an engine: without this check, the test would
/// never run. Another name is that of an engine that another program offers elsewhere.
fn check_name(registry: &Registry, choice: &EngineChoice) -> Result<()> {
    let EngineChoice::Named(name) = choice else {
        return Ok(());
    };
    let known: Vec<&str> = registry.engines().map(|engine| engine.name()).collect();
    match nearest(name, &known) {
        Some(meant) if !known.contains(&name.as_str()) => Err(Error::invalid(format!(
            "no engine has the name {name:?}; did you mean {meant:?}?"
        ))),
        _ => Ok(()),
    }
}

/// Whether an environment of this choice may have an image: the same test runs on engines without
/// images.
async fn has_images(manager: &Manager, choice: &EngineChoice) -> Result<bool> {
    let EngineChoice::Named(name) = choice else {
        return Ok(true);
    };
    let probe = manager.registry().get(name)?.probe().await;
    Ok(probe.capabilities.has(Feature::Images))
}

/// The engines with the configuration of this user and project.
fn registry() -> Result<Registry> {
    let mut registry = Settings::load(None)?.config().registry()?;
    #[cfg(unix)]
    registry.register_external();
    Ok(registry)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)] // helpers of tests are tests, too

    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::engines::basic::BasicEngine;
    use crate::environment::status::Status;

    fn manager() -> Manager {
        let mut registry = Registry::new();
        registry.register(BasicEngine::new()).unwrap();
        Manager::new(registry)
    }

    #[test]
    fn misspelt_name_of_an_engine_is_an_error() {
        let manager = manager();
        let check = |name: &str| check_name(manager.registry(), &name.parse().unwrap());
        for name in ["basci", "Basic", "basik"] {
            let error = check(name).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("did you mean \"basic\"?"), "{name}: {text}");
            assert!(!is_skip(&error), "{name}");
        }
        // Another program may offer it.
        for name in ["auto", "basic", "jail"] {
            check(name).unwrap();
        }
    }

    #[tokio::test]
    async fn image_is_for_engines_that_have_images() {
        let manager = manager();
        let named = |name: &str| EngineChoice::Named(name.to_owned());
        assert!(has_images(&manager, &EngineChoice::Auto).await.unwrap());
        assert!(!has_images(&manager, &named("basic")).await.unwrap());
        let error = has_images(&manager, &named("no-such")).await.unwrap_err();
        assert!(error.to_string().contains("no-such"), "{error}");
    }

    /// Without a reaper, the last test that uses it removes it.
    #[tokio::test]
    async fn shared_environment_stays_for_the_other_test() {
        let manager = manager();
        let spec = EnvironmentSpec::default();
        let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
        let (first, second) = (Use::begin(&environment), Use::begin(&environment));
        first.end().await.unwrap();
        assert_eq!(environment.inspect().await.unwrap().status, Status::Running);
        second.end().await.unwrap();
        let ended = environment.inspect().await.unwrap().status;
        assert_eq!(ended == Status::Running, is_reaped(), "{ended:?}");
        manager.shutdown().await.unwrap();
    }

    #[test]
    fn test_that_cannot_run_here_is_no_failure() {
        let failure = |image: Option<&str>, variable: &'static str| {
            let spec = EnvironmentSpec {
                image: image.map(str::to_owned),
                env: [(variable, "value")].into(),
                ..EnvironmentSpec::default()
            };
            let body = |_| -> Body<()> { Box::pin(async {}) };
            let run = || run("basic", None, false, spec, body);
            let panic = catch_unwind(AssertUnwindSafe(run)).err()?;
            panic.downcast_ref::<String>().cloned()
        };
        assert_eq!(failure(None, "NAME"), None);
        assert_eq!(failure(Some("alpine"), "NAME"), None, "the engine has no images");
        let why = failure(None, "A=B").unwrap();
        assert!(why.contains("A=B"), "{why}");
    }
}
