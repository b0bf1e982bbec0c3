//! A service with a port: it is ready when it replies to a request.
//!
//! ```console
//! $ cargo run -p isolation --example service
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::io::{Read, Write};
use std::net::TcpStream;

use isolation::{Command, EngineChoice, EnvironmentSpec, Main, Manager, NetworkSpec, Registry, WaitFor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manager = Manager::new(Registry::with_builtin());
    let spec = EnvironmentSpec {
        image: Some("busybox".into()),
        main: Main::Command(Command::shell(
            "mkdir /www; echo hello from the service >/www/index.html; exec httpd -f -p 80 -h /www",
        )),
        network: NetworkSpec {
            ports: vec![80.into()], // the daemon chooses the port of the host
            ..Default::default()
        },
        ready: Some("http:80/index.html".parse::<WaitFor>()?.into()),
        ..Default::default()
    };
    let service = manager.create(&EngineChoice::Auto, spec).await?;

    let endpoint = service.endpoint(80).await?;
    let mut connection = TcpStream::connect((endpoint.host.as_str(), endpoint.host_port))?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    connection.read_to_string(&mut page)?;
    println!("http://{endpoint}/ has {} bytes", page.len());
    assert!(page.ends_with("hello from the service\n"), "{page}");

    manager.shutdown().await?;
    Ok(())
}
