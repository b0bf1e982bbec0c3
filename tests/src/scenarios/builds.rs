//! Builds under way, and the sessions that they call their client on.

use engine_api::sessions::OpenSession;
use engine_api::{Docker, Result};

/// A build that is not there can be cancelled all the same.
pub async fn cancel(docker: Docker) -> Result<()> {
    match docker.builds().cancel("ptest_nothing").await {
        // Podman has no such route.
        Err(error) if error.is_unknown_route() => Ok(()),
        outcome => outcome,
    }
}

/// The engine begins to speak HTTP/2 on a session's connection.
pub async fn session(docker: Docker) -> Result<()> {
    let session = OpenSession {
        id: "ptest_session".into(),
        name: "ptest".into(),
        methods: vec!["/grpc.health.v1.Health/Check".into()],
        ..Default::default()
    };
    let mut connection = match docker.sessions().open(session).await {
        // Podman has no such route.
        Err(error) if error.is_unknown_route() => return Ok(()),
        connection => connection?,
    };
    let mut said = Vec::new();
    while said.len() < 16 {
        let Some(chunk) = connection.output.next().await else {
            panic!("only {said:?} came")
        };
        said.extend_from_slice(chunk?.bytes());
    }
    assert!(said.starts_with(b"PRI * HTTP/2.0\r\n"), "{said:?}");
    connection.input.finish().await
}
