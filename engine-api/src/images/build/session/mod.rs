//! Builds in a session, in which BuildKit requests credentials, files and other input from this
//! client.

mod auth;
mod control;
mod export;
mod file_stat;
mod file_sync;
mod follow_links;
mod grpc;
mod named_context;
mod secret;
mod server;
mod solve;
mod ssh;
#[cfg(test)]
mod tests;
mod tunnel;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub use export::LocalOutput;
pub use named_context::NamedContext;
pub use secret::BuildSecret;
pub use ssh::SshAgent;
use tokio::task::JoinSet;

use self::auth::Auth;
use self::control::Control;
use self::export::Export;
use self::file_sync::FileSync;
use self::named_context::Named;
use self::secret::Secrets;
use self::server::{Services, Serving};
use self::solve::Solve;
use self::ssh::Ssh;
use super::{BUILD, BuildContext, BuildImage, Builder};
use crate::auth::RegistryAuth;
use crate::client::Docker;
use crate::connect::BoxStream;
use crate::error::{Cause, Error, Result};
use crate::images::{Images, Progress};
use crate::sessions::OpenSession;
use crate::version::Version;
use crate::wire::body::Body;
use crate::wire::call_context::CallContext;
use crate::wire::stream::JsonLines;

/// The first version whose engines know named contexts; older ones ignore them.
const NAMED_CONTEXTS: Version = Version::new(1, 42);

/// The input that a build by BuildKit may request from this client.
///
/// Engines request only the input that they need. `Debug` shows no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSession {
    /// Credentials by the registry's name, [`DOCKER_HUB`](crate::auth::DOCKER_HUB) for Docker Hub.
    /// Public images need no credentials.
    pub registries: BTreeMap<String, RegistryAuth>,
    /// Secrets for `RUN --mount=type=secret,id=…`, by their ids.
    pub secrets: BTreeMap<String, BuildSecret>,
    /// Agents for `RUN --mount=type=ssh,id=…`, by their ids; `default` is for a mount without id.
    pub ssh: BTreeMap<String, SshAgent>,
    /// Additional contexts, by the names that the Dockerfile uses. They need API 1.42, and a
    /// directory or a URL as the main context.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Where the result is written on this machine; `None` for an image in the engine.
    pub output: Option<LocalOutput>,
}

impl Images<'_> {
    /// Builds an image with BuildKit. During the build, BuildKit can request credentials, secrets
    /// and ssh agents from this client, and write files on this machine.
    ///
    /// The engine requests files of a directory one by one: in a later build, only changed files. A
    /// `.dockerignore` has the same meaning as in [`Images::build`], and an excluded Dockerfile is
    /// not copied. `options.builder` is not used.
    ///
    /// The session ends with the stream. Dropping this future or the stream cancels the build.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::images::{BuildContext, BuildImage, BuildSecret, BuildSession};
    ///
    /// let session = BuildSession {
    ///     secrets: [("token".into(), BuildSecret::File("token.txt".into()))].into(),
    ///     ..Default::default()
    /// };
    /// let options = BuildImage { tags: vec!["web:1".into()], ..Default::default() };
    /// let context = BuildContext::directory("web");
    /// let build = docker.images().build_with_session(context, options, session).await?;
    /// println!("{}", build.built().await?); // a build with an output has no image: call `last`
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Before anything is sent: [`crate::ErrorKind::InvalidInput`] and
    /// [`crate::ErrorKind::UploadSource`] when a secret, an agent, the Dockerfile or a pattern of
    /// `.dockerignore` cannot be read; [`crate::ErrorKind::Unsupported`] when the engine does not
    /// support sessions (Podman), or cannot write the output.
    pub async fn build_with_session(
        &self,
        context: BuildContext,
        options: BuildImage,
        session: BuildSession,
    ) -> Result<JsonLines<Progress>> {
        let name = options.tags.first().cloned().unwrap_or_default();
        let on = Some(name.as_str()).filter(|name| !name.is_empty());
        // Boxed, because it is large and callers move the future.
        let building = Box::pin(self.build_in(context, options, session));
        building.await.map_err(|error| match error.operation() {
            None => error.in_call(BUILD.info.id, on),
            Some(_) => error,
        })
    }

    async fn build_in(
        &self,
        context: BuildContext,
        mut options: BuildImage,
        session: BuildSession,
    ) -> Result<JsonLines<Progress>> {
        options.builder = Builder::BuildKit;
        if let Some(reason) = options.wrong().or_else(|| session.wrong(&options)) {
            return Err(Error::invalid(reason));
        }
        if self.is_podman().await? {
            return self.build_on_podman(context, options, session).await;
        }
        if matches!(session.output, Some(LocalOutput::Oci(_))) {
            self.require_containerd_store().await?;
        }
        if !session.contexts.is_empty() {
            let has_files = context.directory_path().is_some() || context.url().is_some();
            self.require_named_contexts(has_files).await?;
        }
        let named = Named::new(session.contexts)?;
        let id = session_id();
        let (tree, modified) = (context.directory_path(), context.modified_time());
        let has_registries = !session.registries.is_empty();
        let mut directories = named.directories;
        let mut remote = context.url().map(str::to_owned);
        let is_local = tree.is_some();
        if let Some(root) = tree {
            super::pack::check(root, &options)?;
            for name in ["context", "dockerfile"] {
                directories.insert(name.into(), root.to_owned());
            }
        }
        let shared_key = match modified {
            None => shared_keys(directories.values()).map_err(source)?,
            // Engines compare files with those of an earlier build of this key by size and time.
            // With the same time for all files, they would miss a change.
            Some(_) => id.clone(),
        };
        if let Some(output) = &session.output {
            options.outputs = vec![output.exporter()];
        }
        let services = Services {
            auth: Auth::new(session.registries),
            secrets: Secrets::read(session.secrets)?,
            ssh: Ssh::connect(session.ssh).await?,
            files: FileSync::new(directories, modified),
            export: session.output.map(|output| Export::new(output, id.clone())),
        };
        let body = match is_local {
            true => Body::Empty,
            false => context.body(&options, async { Ok(false) }).await?.body,
        };
        let open = OpenSession {
            id: id.clone(),
            name: "engine-api".into(),
            shared_key,
            methods: services.methods(),
        };
        let serving = Serving::start(open_session(self.docker, &open).await?, services);
        if !named.attributes.is_empty() {
            let solve = Solve::new(&options, &id, remote.as_deref(), named.attributes)?;
            return self.solve(solve, &options, serving).await;
        }
        if is_local {
            remote = Some("client-session".into());
        }
        let query = options.query(remote.as_deref()).set("session", &id);
        let subject = options.tags.first().map(String::as_str).unwrap_or_default();
        let call = self.docker.call(&BUILD).about(subject).query(query);
        let progress = call.credentials(has_registries).tar(body).send().await?;
        Ok(progress.hold(serving))
    }

    /// Runs a build that `/build` cannot express.
    async fn solve(
        &self,
        solve: Solve,
        options: &BuildImage,
        serving: Serving,
    ) -> Result<JsonLines<Progress>> {
        let direct = match control::is_direct(self.docker).await? {
            true => Some(Control::direct(self.docker).await),
            false => None,
        };
        let control = match direct {
            Some(Ok(control)) => control,
            Some(Err(reason)) => {
                let upgraded = Control::upgraded(self.docker).await;
                // The error of the path of newer engines is more useful than that of a path that
                // they do not have.
                upgraded.map_err(|error| match error.is_unknown_route() {
                    true => Error::protocol(format!("gRPC: {reason}")),
                    false => error,
                })?
            }
            None => Control::upgraded(self.docker).await?,
        };
        let mut tasks = JoinSet::new();
        let progress = solve.start(control, &mut tasks);
        let context = CallContext {
            operation: BUILD.info.id,
            subject: options.tags.first().map(|name| name.as_str().into()),
            credentials: None,
        };
        let lines = JsonLines::over(Box::new(progress), context, *self.docker.reply_limits());
        Ok(lines.hold((serving, tasks)))
    }

    /// Takes no context: a reference to one could not be sent to another thread.
    async fn require_named_contexts(&self, has_files: bool) -> Result<()> {
        let used = self.docker.version().await?;
        if used < NAMED_CONTEXTS {
            return Err(unsupported(&format!(
                "named contexts need API {NAMED_CONTEXTS} or later, but the version in use is {used}; \
                 leave them out"
            )));
        }
        match has_files {
            true => Ok(()),
            false => Err(Error::invalid(
                "named contexts need a directory or a URL as the main context; \
                 write the Dockerfile into a directory",
            )),
        }
    }

    /// Podman has no sessions. It reads credentials from a header.
    async fn build_on_podman(
        &self,
        context: BuildContext,
        options: BuildImage,
        session: BuildSession,
    ) -> Result<JsonLines<Progress>> {
        let BuildSession {
            registries,
            secrets,
            ssh,
            contexts,
            output,
        } = session;
        if !secrets.is_empty() || !ssh.is_empty() || !contexts.is_empty() || output.is_some() {
            return Err(unsupported(
                "Podman has no sessions, so it cannot request secrets, ssh agents or files; build \
                 with Docker, or omit them",
            ));
        }
        Box::pin(self.build(context, options, Some(&registries))).await
    }

    async fn require_containerd_store(&self) -> Result<()> {
        let info = self.docker.system().info().await?;
        let mut status = info.driver_status.iter();
        match status.any(|(_, value)| value == "io.containerd.snapshotter.v1") {
            true => Ok(()),
            false => Err(unsupported(
                "an output in OCI layout needs the containerd image store, which this engine does not use; \
                 build an image, and save it",
            )),
        }
    }
}

impl BuildSession {
    fn wrong(&self, options: &BuildImage) -> Option<String> {
        let unnamed = self.secrets.keys().chain(self.ssh.keys()).any(String::is_empty);
        if unnamed {
            return Some(
                "a secret or an ssh agent has an empty id; the usual id of an agent is `default`".into(),
            );
        }
        if !self.contexts.is_empty() && options.outputs.len() > 1 {
            return Some("a build with named contexts has one output; leave the others out".into());
        }
        if self.output.is_some() && !options.outputs.is_empty() {
            return Some("both the session and the options have an output; set one of them".into());
        }
        if self.output.is_some() && !options.tags.is_empty() {
            return Some("an output on this machine has no name; leave `tags` out, or the output".into());
        }
        auth::wrong(&self.registries)
    }
}

fn unsupported(text: &str) -> Error {
    Error::local(Cause::Unsupported(text.to_owned()))
}

fn source(error: std::io::Error) -> Error {
    Error::local(Cause::UploadSource(error))
}

/// Opens the session's connection: by gRPC on the engine's own address if the engine supports it,
/// otherwise by `POST /session`, which newer engines do not have.
async fn open_session(docker: &Docker, session: &OpenSession) -> Result<BoxStream> {
    let direct = match control::is_direct(docker).await? {
        true => open_direct(docker, session).await.map(Some),
        false => Ok(None),
    };
    let reason = match direct {
        Ok(Some(stream)) => return Ok(stream),
        Ok(None) => None,
        Err(reason) => Some(reason),
    };
    docker.sessions().open_stream(session).await.map_err(|error| {
        let unknown = error.is_unknown_route();
        let reason = reason
            .map(|reason| format!(" (gRPC: {reason})"))
            .unwrap_or_default();
        match unknown {
            true => unsupported(&format!(
                "this engine has no sessions for builds{reason}; use `Images::build`"
            )),
            false => error,
        }
    })
}

async fn open_direct(docker: &Docker, session: &OpenSession) -> std::result::Result<BoxStream, String> {
    let control = Control::direct(docker).await?;
    control.session(session, docker.timeouts().head).await
}

/// A unique ID: engines keep the ID of a session for a while after its end.
fn session_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:016x}{:016x}{:x}", random(), random(), now.as_nanos())
}

/// The key of all directories of a build.
fn shared_keys<'a>(roots: impl Iterator<Item = &'a PathBuf>) -> std::io::Result<String> {
    let keys = roots.map(|root| shared_key(&std::path::absolute(root)?));
    let mut keys = keys.collect::<std::io::Result<Vec<_>>>()?;
    keys.dedup();
    Ok(keys.join("+"))
}

/// The key by which an engine finds the files that it has already received from this directory. The
/// time of creation and the number distinguish it from a directory with this path on another
/// machine.
fn shared_key(root: &Path) -> std::io::Result<String> {
    let metadata = root
        .metadata()
        .map_err(|error| crate::archive::at(root, &error))?;
    let path = root.as_os_str().as_encoded_bytes();
    let path = percent_encoding::percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
    let created = metadata.created().ok();
    let created = created.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(format!(
        "{path}-{}{}",
        created.unwrap_or_default().as_nanos(),
        number(&metadata)
    ))
}

#[cfg(unix)]
fn number(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("-{}-{}", metadata.dev(), metadata.ino())
}

/// The standard library has no file numbers on Windows.
#[cfg(not(unix))]
fn number(_metadata: &std::fs::Metadata) -> String {
    String::new()
}
