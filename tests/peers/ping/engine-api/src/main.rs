//! Pings the engine: the smallest program on engine-api.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = std::env::args().nth(1).ok_or("ping SOCKET")?;
        let ping = engine_api::Docker::unix(socket).system().ping().await?;
        println!("{:?}", ping.api_version);
        Ok(())
    })
}
