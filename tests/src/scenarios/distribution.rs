//! Images in registries. It needs two registries: an open one at 127.0.0.1:5001, and one at
//! 127.0.0.1:5000 that accepts only the user `alice`.

use engine_api::auth::RegistryAuth;
use engine_api::{Docker, ErrorKind, Result};

/// One manifest, an index, a missing image, and a registry that requires credentials.
pub async fn inspect(docker: Docker) -> Result<()> {
    let registry = docker.distribution();
    let single = match registry
        .inspect("127.0.0.1:5001/single/busybox:latest", None)
        .await
    {
        // Podman does not have this route.
        Err(error) if error.is_unknown_route() => return Ok(()),
        single => single?,
    };
    assert!(single.descriptor.digest.starts_with("sha256:"), "{single:?}");
    assert!(single.descriptor.size > 0);
    let pinned = format!("127.0.0.1:5001/single/busybox@{}", single.descriptor.digest);
    assert_eq!(
        registry.inspect(&pinned, None).await?.descriptor.digest,
        single.descriptor.digest
    );

    let multi = registry.inspect("127.0.0.1:5001/multi/busybox", None).await?;
    assert!(multi.platforms.len() > 1, "{multi:?}");
    assert!(
        multi
            .platforms
            .iter()
            .any(|platform| platform.architecture == "arm64")
    );

    let missing = registry
        .inspect("127.0.0.1:5001/ptest/nothing", None)
        .await
        .unwrap_err();
    assert!(missing.is_not_found(), "{missing}");

    let closed = "127.0.0.1:5000/single/busybox";
    let stranger = registry.inspect(closed, None).await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Api, "{stranger}");
    assert!(!stranger.is_not_found());
    let alice = RegistryAuth::user("alice", "s3cret");
    let known = registry.inspect(closed, Some(&alice)).await?;
    assert_eq!(known.descriptor.digest, single.descriptor.digest);
    Ok(())
}
