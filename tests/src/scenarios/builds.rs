//! Builds under way, and the sessions that they call their client on.

use std::time::SystemTime;

use engine_api::sessions::OpenSession;
use engine_api::{Docker, Result};

/// What a client of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    // An engine keeps a session for some seconds after its client has gone.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let session = OpenSession {
        id: format!("ptest_session_{}", now.unwrap_or_default().as_nanos()),
        name: "ptest".into(),
        methods: vec!["/grpc.health.v1.Health/Check".into()],
        ..Default::default()
    };
    let mut connection = match docker.sessions().open(session).await {
        // Podman has no such route.
        Err(error) if error.is_unknown_route() => return Ok(()),
        connection => connection?,
    };
    // The preface and the frame of settings come in one piece or two; after them it waits for an answer.
    let mut said = Vec::new();
    while said.len() < PREFACE.len() + 9 {
        let Some(chunk) = connection.output.next().await else {
            panic!("only {said:?} came")
        };
        said.extend_from_slice(chunk?.bytes());
    }
    assert!(said.starts_with(PREFACE), "{said:?}");
    connection.input.close().await
}
