//! The server that the engine calls during a build.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request;
use tokio::task::{JoinHandle, JoinSet};

use super::auth::Auth;
use super::export::Export;
use super::file_sync::FileSync;
use super::grpc::{Code, Incoming, LONGEST_ANSWER, LONGEST_REQUEST, Reply, Status};
use super::secret::Secrets;
use super::ssh::Ssh;
use crate::connect::BoxStream;

/// The maximum number of concurrent calls of the engine.
pub(super) const CALLS: u32 = 100;

/// The maximum size of the headers of a call, in bytes. The patterns of a `.dockerignore` are among
/// them.
pub(super) const LONGEST_HEADERS: u32 = 4 << 20;

/// The flow control windows in bytes: of a call, and of all calls together.
const WINDOW: u32 = 1 << 20;

/// The services of a session.
pub(super) struct Services {
    pub(super) auth: Auth,
    pub(super) secrets: Secrets,
    pub(super) ssh: Ssh,
    pub(super) files: FileSync,
    pub(super) export: Option<Export>,
}

impl Services {
    /// The methods that the session offers. An engine calls only these methods.
    pub(super) fn methods(&self) -> Vec<String> {
        let always = [
            "/grpc.health.v1.Health/Check",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
        ];
        let ssh = ["CheckAgent", "ForwardAgent"].map(|method| format!("/moby.sshforward.v1.SSH/{method}"));
        let mut methods: Vec<String> = always.map(str::to_owned).to_vec();
        if !self.ssh.is_empty() {
            methods.extend(ssh);
        }
        if !self.files.is_empty() {
            methods.push("/moby.filesync.v1.FileSync/DiffCopy".into());
        }
        if self.export.is_some() {
            methods.push("/moby.filesync.v1.FileSend/DiffCopy".into());
        }
        methods
    }

    async fn answer(&self, call: Request<RecvStream>, reply: &mut Reply) -> Result<(), Status> {
        let (head, body) = call.into_parts();
        let path = head.uri.path();
        let longest = match path.starts_with("/moby.filesync.v1.FileSend/") {
            true => LONGEST_ANSWER,
            false => LONGEST_REQUEST,
        };
        let mut incoming = Incoming::new(body, longest);
        match path {
            // SERVING.
            "/grpc.health.v1.Health/Check" => reply.message(&[8, 1]).await,
            "/moby.filesync.v1.Auth/Credentials" => {
                let answer = self.auth.credentials(&incoming.only().await?)?;
                reply.message(&answer).await
            }
            "/moby.buildkit.secrets.v1.Secrets/GetSecret" => {
                let answer = self.secrets.get(&incoming.only().await?)?;
                reply.message(&answer).await
            }
            "/moby.sshforward.v1.SSH/CheckAgent" => {
                self.ssh.check(&incoming.only().await?).await?;
                reply.message(&[]).await
            }
            "/moby.sshforward.v1.SSH/ForwardAgent" => self.ssh.forward(&head.headers, incoming, reply).await,
            "/moby.filesync.v1.FileSync/DiffCopy" => {
                self.files.diff_copy(&head.headers, incoming, reply).await
            }
            "/moby.filesync.v1.FileSend/DiffCopy" => match &self.export {
                Some(export) => export.receive(incoming, reply).await,
                None => Err(Status::unimplemented("an output")),
            },
            other => Err(Status::unimplemented(other)),
        }
    }
}

/// A session that is served. Dropping it ends the session and all its calls.
pub(super) struct Serving(JoinHandle<()>);

impl Serving {
    pub(super) fn start(stream: BoxStream, services: Services) -> Self {
        Self(tokio::spawn(serve(stream, Arc::new(services))))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}

/// Serves a session until its connection ends. The engine then fails the build, because it has no
/// session.
async fn serve(stream: BoxStream, services: Arc<Services>) {
    let handshake = h2::server::Builder::new()
        .max_concurrent_streams(CALLS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(LONGEST_HEADERS)
        .handshake::<_, Bytes>(stream);
    let Ok(mut connection) = handshake.await else {
        return;
    };
    let mut calls = JoinSet::new();
    while let Some(Ok((call, reply))) = connection.accept().await {
        while calls.try_join_next().is_some() {}
        // A call that the engine has given up may still wait, for an ssh agent or a disk.
        if calls.len() >= CALLS as usize {
            let busy = Status::new(Code::ResourceExhausted, "too many calls at the same time");
            drop(Reply::new(reply).finish(&Err(busy)));
            continue;
        }
        calls.spawn(respond(Arc::clone(&services), call, reply));
    }
}

async fn respond(services: Arc<Services>, call: Request<RecvStream>, reply: SendResponse<Bytes>) {
    let mut reply = Reply::new(reply);
    let outcome = services.answer(call, &mut reply).await;
    // The engine may have ended the call.
    drop(reply.finish(&outcome));
}
