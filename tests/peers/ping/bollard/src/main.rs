//! Pings the engine: the smallest program on bollard.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = std::env::args().nth(1).ok_or("ping SOCKET")?;
        let docker = bollard::Docker::connect_with_unix(&socket, 120, bollard::API_DEFAULT_VERSION)?;
        println!("{}", docker.ping().await?);
        Ok(())
    })
}
