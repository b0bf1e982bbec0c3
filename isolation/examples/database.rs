//! A database for a test: it is ready when it answers, and removed at the end.
//!
//! ```console
//! $ cargo run -p isolation --example database
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use isolation::{Command, EngineChoice, EnvironmentSpec, Main, Manager, NetworkSpec, Registry, WaitFor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manager = Manager::new(Registry::with_builtin());
    let spec = EnvironmentSpec {
        image: Some("redis:7".into()),
        main: Main::Image, // the program of the image
        network: NetworkSpec {
            ports: vec![6379.into()],
            ..Default::default()
        },
        // The port is open before the data is loaded, so the client of the image asks, too.
        ready: Some(
            WaitFor::All(vec![
                WaitFor::Port(6379),
                WaitFor::Command(Command::shell("redis-cli ping | grep -q PONG")),
            ])
            .into(),
        ),
        ..Default::default()
    };
    let database = manager.create(&EngineChoice::Auto, spec).await?;

    // The test: any client, at an address that only this test has.
    let endpoint = database.endpoint(6379).await?;
    let mut client = BufReader::new(TcpStream::connect((endpoint.host.as_str(), endpoint.host_port))?);
    let mut ask = |question: &str| -> std::io::Result<String> {
        client.get_mut().write_all(format!("{question}\r\n").as_bytes())?;
        let mut answer = String::new();
        client.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    };
    assert_eq!(ask("SET user alice")?, "+OK");
    assert_eq!(ask("STRLEN user")?, ":5");
    println!("redis://{endpoint} has stored a value");

    manager.shutdown().await?; // removes the container and its data
    Ok(())
}
