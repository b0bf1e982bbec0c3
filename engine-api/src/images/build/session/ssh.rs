//! Forwards ssh agents for `RUN --mount=type=ssh`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::protobuf::Message;
use super::grpc::{Code, Incoming, Reply, Status, bytes, text};
use crate::connect::{BoxStream, Connector};
use crate::error::{Cause, Error, Result};

/// The maximum size of a message to or from an agent in bytes, the same as in OpenSSH.
const LONGEST: u32 = 256 << 10;

/// The requests that a build may send: list keys, and sign. It cannot add, remove or lock the
/// user's keys.
const ALLOWED: [u8; 2] = [11, 13];

/// The reply to a refused request: its length, and `SSH_AGENT_FAILURE`.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// An ssh agent for `RUN --mount=type=ssh`. Steps can list its keys and sign with them, but cannot
/// change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SshAgent {
    /// The agent of the environment: `SSH_AUTH_SOCK`; on Windows, the OpenSSH agent.
    #[default]
    Environment,
    /// The agent that listens on a Unix socket, or on Windows on a named pipe.
    Socket(PathBuf),
}

impl SshAgent {
    /// `variable` is the value of `SSH_AUTH_SOCK`.
    fn connector(&self, id: &str, variable: Option<OsString>) -> Result<Box<dyn Connector>> {
        let path = match self {
            Self::Socket(path) => Some(path.clone()),
            Self::Environment => variable.filter(|path| !path.is_empty()).map(PathBuf::from),
        };
        let pipe = cfg!(windows).then(|| PathBuf::from(r"\\.\pipe\openssh-ssh-agent"));
        path.or(pipe).map(at).ok_or_else(|| {
            Error::invalid(format!(
                "no ssh agent for {id:?}: SSH_AUTH_SOCK is not set; start `ssh-agent`"
            ))
        })
    }
}

#[cfg(unix)]
fn at(path: PathBuf) -> Box<dyn Connector> {
    Box::new(crate::connect::UnixConnector::new(path))
}

#[cfg(windows)]
fn at(path: PathBuf) -> Box<dyn Connector> {
    Box::new(crate::connect::NamedPipeConnector::new(&path.to_string_lossy()))
}

/// The agents of a build, by their ids.
pub(super) struct Ssh(BTreeMap<String, Box<dyn Connector>>);

impl Ssh {
    /// Connects to each agent once.
    pub(super) async fn connect(agents: BTreeMap<String, SshAgent>) -> Result<Self> {
        let mut connectors = BTreeMap::new();
        for (id, agent) in agents {
            let connector = agent.connector(&id, std::env::var_os("SSH_AUTH_SOCK"))?;
            if let Err(error) = connector.connect().await {
                let address = connector.address();
                let text = format!("the ssh agent {id:?} at {address} does not answer: {error}");
                return Err(Error::local(Cause::UploadSource(std::io::Error::new(
                    error.kind(),
                    text,
                ))));
            }
            connectors.insert(id, connector);
        }
        Ok(Self(connectors))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    async fn open(&self, id: &str) -> std::result::Result<BoxStream, Status> {
        // For a mount without an ID, BuildKit sends no ID.
        let id = if id.is_empty() { "default" } else { id };
        let missing = || Status::new(Code::NotFound, format!("the build has no ssh agent {id:?}"));
        let connector = self.0.get(id).ok_or_else(missing)?;
        connector.connect().await.map_err(|error| {
            let text = format!("the ssh agent {id:?} does not answer: {error}");
            Status::new(Code::Unavailable, text)
        })
    }

    /// `CheckAgent`.
    pub(super) async fn check(&self, request: &[u8]) -> std::result::Result<(), Status> {
        self.open(&text(request, 1)?).await.map(drop)
    }

    /// `ForwardAgent`: the requests of a step to the agent, one after the other.
    pub(super) async fn forward(
        &self,
        headers: &HeaderMap,
        mut incoming: Incoming,
        reply: &mut Reply,
    ) -> std::result::Result<(), Status> {
        let id = headers.get("buildkit.ssh.id");
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        let mut agent = self.open(id).await?;
        reply.begin()?;
        let mut buffer = BytesMut::new();
        while let Some(message) = incoming.message().await? {
            buffer.extend_from_slice(bytes(&message, 1)?);
            while let Some(request) = request(&mut buffer)? {
                let answer = match request.get(4).is_some_and(|kind| ALLOWED.contains(kind)) {
                    true => ask(&mut agent, &request).await?,
                    false => FAILURE.to_vec(),
                };
                let message = Message::default().bytes(1, &answer).into_bytes();
                reply.message(&message).await?;
            }
        }
        Ok(())
    }
}

/// Removes a request with its length from the front of a buffer.
fn request(buffer: &mut BytesMut) -> std::result::Result<Option<Bytes>, Status> {
    let Some(head) = buffer.first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*head);
    if length > LONGEST {
        let text = format!("the request to the ssh agent has {length} bytes");
        return Err(Status::new(Code::InvalidArgument, text));
    }
    let whole = head.len() + length as usize;
    Ok((buffer.len() >= whole).then(|| buffer.split_to(whole).freeze()))
}

/// Sends a request to the agent, and reads its answer.
async fn ask(agent: &mut BoxStream, request: &[u8]) -> std::result::Result<Vec<u8>, Status> {
    let broken = |error: std::io::Error| {
        let text = format!("the connection to the ssh agent failed: {error}");
        Status::new(Code::Unavailable, text)
    };
    agent.write_all(request).await.map_err(broken)?;
    agent.flush().await.map_err(broken)?;
    let mut answer = vec![0; 4];
    agent.read_exact(&mut answer).await.map_err(broken)?;
    let length = u32::from_be_bytes([answer[0], answer[1], answer[2], answer[3]]);
    if length > LONGEST {
        let text = format!("the answer of the ssh agent has {length} bytes");
        return Err(Status::new(Code::Internal, text));
    }
    answer.resize(4 + length as usize, 0);
    agent.read_exact(&mut answer[4..]).await.map_err(broken)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_taken_apart_and_bounded() {
        let mut buffer = BytesMut::from(&b"\0\0\0\x01\x0b\0\0\0\x02\x0d"[..]);
        assert_eq!(request(&mut buffer).unwrap().unwrap(), &b"\0\0\0\x01\x0b"[..]);
        assert_eq!(request(&mut buffer), Ok(None));
        buffer.extend_from_slice(b"x");
        assert_eq!(request(&mut buffer).unwrap().unwrap(), &b"\0\0\0\x02\x0dx"[..]);
        let mut endless = BytesMut::from(&b"\xff\xff\xff\xff"[..]);
        assert_eq!(request(&mut endless).unwrap_err().code, Code::InvalidArgument);
    }

    proptest! {
        #[test]
        fn any_bytes_are_requests_or_an_error(bytes: Vec<u8>) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut taken = 0;
            while let Ok(Some(request)) = request(&mut buffer) {
                taken += request.len();
            }
            prop_assert_eq!(taken + buffer.len(), bytes.len());
        }
    }

    #[tokio::test]
    async fn agent_that_does_not_listen_is_named() {
        let agents = |agent| BTreeMap::from([("git".to_owned(), agent)]);
        let missing = SshAgent::Socket("/no/such/agent".into());
        let error = Ssh::connect(agents(missing)).await.err().unwrap();
        assert!(error.to_string().contains("\"git\""), "{error}");
        assert!(error.to_string().contains("agent"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn agent_of_the_environment_is_its_socket() {
        let of =
            |variable: Option<&str>| SshAgent::Environment.connector("git", variable.map(OsString::from));
        assert_eq!(of(Some("/run/agent")).unwrap().address(), "unix:///run/agent");
        for variable in [None, Some("")] {
            let error = of(variable).err().unwrap().to_string();
            assert!(error.contains("\"git\": SSH_AUTH_SOCK is not set"), "{error}");
        }
    }
}
