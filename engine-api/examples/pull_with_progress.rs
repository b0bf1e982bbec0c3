//! Pulls an image with the docker command's credentials and shows the progress of each layer.
//!
//! ```console
//! $ cargo run -p engine-api --example pull_with_progress -- busybox:1.36
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)] // an example prints its results

use engine_api::Docker;
use engine_api::auth::Credentials;
use engine_api::images::{ImageReference, PullImage};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    let image = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "busybox:latest".to_owned());
    let reference: ImageReference = image.parse()?;

    // config.json and the credential helpers it names.
    let found = Credentials::from_env().await?.find(&reference).await;
    for warning in &found.warnings {
        eprintln!("warning: {warning}");
    }

    let mut progress = docker
        .images()
        .pull(&image, PullImage::default(), found.auth.as_ref())
        .await?;
    while let Some(line) = progress.next().await {
        let line = line?; // what fails during the pull comes as an error here
        let (done, all) = (line.progress_detail.current, line.progress_detail.total);
        match all {
            0 => println!("{:12} {}", line.id, line.status),
            all => println!("{:12} {} {}%", line.id, line.status, 100 * done / all),
        }
    }
    let pulled = docker.images().inspect(&image, Default::default()).await?;
    println!(
        "{} is {} ({} bytes)",
        reference.familiar(),
        pulled.id,
        pulled.size
    );
    Ok(())
}
