//! Calls on the engine itself.

use engine_api::auth::RegistryAuth;
use engine_api::common::Timestamp;
use engine_api::system::ListenEvents;
use engine_api::{Docker, Result};

use super::{remove, shell};

/// Ping, version, info and disk usage.
pub async fn about(docker: Docker) -> Result<()> {
    let system = docker.system();
    let head = system.ping_head().await?;
    let ping = system.ping().await?;
    assert_eq!(ping.api_version, head.api_version);
    assert!(docker.version().await? <= ping.api_version.unwrap_or_default().parse()?);
    let version = system.version().await?;
    assert!(!version.version.is_empty() && version.os == "linux");
    let info = system.info().await?;
    assert!(info.n_cpu > 0 && info.mem_total > 0 && !info.driver.is_empty());
    let usage = system.df(Default::default()).await?;
    assert!(!usage.images.is_empty() && usage.layers_size > 0, "{usage:?}");
    Ok(())
}

/// The events between two times.
pub async fn events(docker: Docker) -> Result<()> {
    let id = docker.containers().create(shell("events", "true")).await?.id;
    remove(&docker, &id).await?;
    let mut options = ListenEvents {
        since: Some(Timestamp::new(1, 0)),
        until: Some(Timestamp::new(4_000_000_000, 0)),
        ..Default::default()
    };
    options.filters.container = [id.clone()].into();
    let mut events = docker.system().events(options).await?;
    let first = events.next().await.expect("an event")?;
    assert_eq!((first.verb(), first.actor.id.as_str()), ("create", id.as_str()));
    // Docker names it `destroy`, Podman `remove`.
    let mut last = first;
    while !matches!(last.verb(), "destroy" | "remove") {
        last = events.next().await.expect("another event")?;
    }
    Ok(())
}

/// Credentials for a registry that cannot be reached.
pub async fn auth(docker: Docker) -> Result<()> {
    let mut auth = RegistryAuth::user("nobody", "nothing");
    auth.server_address = "127.0.0.1:9".into();
    let error = docker.system().auth(&auth).await.unwrap_err();
    assert_eq!(error.operation(), Some("SystemAuth"), "{error}");
    assert!(error.status().is_some(), "{error}");
    Ok(())
}
