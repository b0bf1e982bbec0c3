//! A main process that is attached before it starts.

use isolation::{Command, EngineChoice, EnvironmentSpec, Main, Status};

use crate::support::Fixture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attached_main_process_that_is_missing_is_127() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        main: Main::Command(Command::new(["no-such-program"])),
        ..EnvironmentSpec::default()
    };
    let choice = EngineChoice::Auto;
    let selection = fixture.manager.select(&choice, &spec).await.unwrap();
    let environment = fixture.manager.create_unstarted(&selection, spec).await.unwrap();
    let attached = environment.start_attached().await.unwrap();
    let output = attached.output().await.unwrap();
    assert_eq!((output.exit.code, output.stdout_text().as_str()), (127, ""));
    // Nothing runs, and nothing has ended.
    let state = environment.inspect().await.unwrap();
    assert_ne!(state.status, Status::Running, "{state:?}");
    assert_eq!(state.exit, None, "{state:?}");
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}
