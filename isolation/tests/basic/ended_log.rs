//! The log in the error of a main process that has ended, on an engine that is still writing it.

use std::error::Error;
use std::time::Duration;

use isolation::{
    Command, EngineChoice, EnvironmentSpec, ErrorKind, ExitStatus, Main, Manager, ManagerOptions, NotReady,
    Registry, WaitFor,
};

use crate::scripted::{Scripted, ScriptedEngine};

#[tokio::test(start_paused = true)]
async fn error_of_an_end_has_the_last_line() {
    for (late, wait_for) in [
        // The check itself fails first, long before the engine reports the end.
        (10, WaitFor::Command(Command::new(["true"]))),
        (0, WaitFor::Exit(0)),
    ] {
        let script = Scripted::default();
        script.with(|script| {
            script.exit = Some(ExitStatus::from_code(3));
            script.exit_reported_after = Duration::from_secs(late);
            script.log = vec!["reading the configuration", "no key DATABASE_URL"];
        });
        let mut registry = Registry::new();
        registry.register(ScriptedEngine(script)).unwrap();
        let options = ManagerOptions {
            journal: false,
            ..ManagerOptions::default()
        };
        let manager = Manager::with_options(registry, options);
        let spec = EnvironmentSpec {
            main: Main::Command(Command::new(["service"])),
            ready: Some(wait_for.into()),
            ..EnvironmentSpec::default()
        };
        let error = manager.create(&EngineChoice::Auto, spec).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unhealthy, "{error}");
        let evidence = error.evidence().unwrap();
        let last = evidence.stderr.last().map(String::as_str);
        assert_eq!(last, Some("no key DATABASE_URL"), "{evidence:?}");
        let source = error.source().unwrap();
        let not_ready = source.downcast_ref::<NotReady>().unwrap();
        assert_eq!(not_ready.exit.map(|exit| exit.code), Some(3));
        let last = not_ready.last_lines.last().map(String::as_str);
        assert_eq!(last, Some("no key DATABASE_URL"), "{not_ready:?}");
    }
}
