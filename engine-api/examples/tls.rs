//! Connects to an engine with TLS and certificates on both sides.
//!
//! `Docker::from_env` does this by itself when `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and
//! `DOCKER_CERT_PATH` are set; this program sets them itself.
//!
//! ```console
//! $ cargo run -p engine-api --features tls --example tls -- build-host 2376 ~/.docker
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::connect::{TlsConfig, TlsConnector};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, directory] = arguments.as_slice() else {
        return Err("say: HOST PORT DIRECTORY (with ca.pem, cert.pem and key.pem)".into());
    };
    let config = TlsConfig::from_directory(directory)?;
    let docker = Docker::with_connector(TlsConnector::new(host, port.parse()?, &config)?);
    match docker.system().version().await {
        Ok(about) => println!("version {} answers at {}", about.version, docker.address()),
        Err(error) if error.kind() == engine_api::ErrorKind::TlsError => {
            println!("the certificates do not fit: {error}");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
