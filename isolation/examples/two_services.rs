//! Two services on a network of their own: one reaches the other by its name.
//!
//! ```console
//! $ cargo run -p isolation --example two_services
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use isolation::{Command, Dependency, EngineChoice, EnvironmentSpec, GroupSpec, Main};
use isolation::{Manager, Registry, Service, WaitFor};

fn service(script: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some("busybox".into()),
        main: Main::Command(Command::shell(script)),
        ..Default::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let manager = Manager::new(Registry::with_builtin());
    let store = EnvironmentSpec {
        ready: Some(WaitFor::Port(80).into()),
        ..service("mkdir /www; echo 42 >/www/answer; exec httpd -f -p 80 -h /www")
    };
    let group = GroupSpec {
        name: "example-shop".into(),
        services: [
            (
                "store".to_owned(),
                Service {
                    environment: store,
                    ..Default::default()
                },
            ),
            (
                "worker".to_owned(),
                Service {
                    environment: service("exec sleep 1000"),
                    depends_on: [("store".to_owned(), Dependency::Ready)].into(),
                    ..Default::default()
                },
            ),
        ]
        .into(),
        ..GroupSpec::default()
    };
    let group = manager.up(&EngineChoice::Auto, group).await?;

    let Some(worker) = group.get("worker") else {
        unreachable!("the group has this service")
    };
    let answer = worker
        .run(Command::shell("wget -qO- http://store/answer"))
        .await?;
    println!("the store answers {}", answer.stdout_text().trim_end());
    assert_eq!(answer.stdout_text(), "42\n", "{}", answer.stderr_text());

    manager.shutdown().await // removes both containers and the network
}
