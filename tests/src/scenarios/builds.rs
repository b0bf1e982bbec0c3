//! Cancelled builds, and sessions, on which BuildKit calls its client.

use std::time::SystemTime;

use engine_api::sessions::OpenSession;
use engine_api::{Docker, Result};

/// The preface that a client of HTTP/2 sends.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Cancels a build that does not exist, which succeeds.
pub async fn cancel(docker: Docker) -> Result<()> {
    match docker.builds().cancel("ptest_nothing").await {
        // Podman does not have this route.
        Err(error) if error.is_unknown_route() => Ok(()),
        outcome => outcome,
    }
}

/// Opens a session, on which the engine starts to speak HTTP/2.
pub async fn session(docker: Docker) -> Result<()> {
    // An engine keeps a session for some seconds after its client has closed it.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let session = OpenSession {
        id: format!("ptest_session_{}", now.unwrap_or_default().as_nanos()),
        name: "ptest".into(),
        methods: vec!["/grpc.health.v1.Health/Check".into()],
        ..Default::default()
    };
    let mut connection = match docker.sessions().open(session).await {
        // Podman does not have this route.
        Err(error) if error.is_unknown_route() => return Ok(()),
        connection => connection?,
    };
    // The preface and the settings frame arrive in one piece or in two. Then the engine waits for a
    // reply.
    let mut received = Vec::new();
    while received.len() < PREFACE.len() + 9 {
        let Some(chunk) = connection.output.next().await else {
            panic!("only received {received:?}")
        };
        received.extend_from_slice(chunk?.bytes());
    }
    assert!(received.starts_with(PREFACE), "{received:?}");
    connection.input.close().await
}
