//! Engines over ssh: the ssh program runs `docker system dial-stdio` on the remote host.
//!
//! With the program instead of a library, the user's keys, agents, jump hosts and aliases work.

use std::ffi::OsStr;
use std::io;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::Sleep;

use super::address::Address;
use super::connector::{BoxStream, Connecting, Connector, in_runtime};
use crate::error::{Error, Result};

/// Connects to an engine by running ssh, one process per connection. The process exits with the
/// connection.
#[derive(Debug, Clone)]
pub struct SshConnector {
    program: std::ffi::OsString,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    socket: String,
    options: Vec<String>,
}

impl SshConnector {
    /// A connector to the engine on `host`: a name, an address or an alias of ssh's configuration.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the host is empty or ssh would read it as an option.
    pub fn new(host: &str) -> Result<Self> {
        Ok(Self {
            program: "ssh".into(),
            user: None,
            host: word("host", host)?,
            port: None,
            socket: String::new(),
            options: Vec::new(),
        })
    }

    /// Logs in as `user`.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when it is empty or ssh would read it as an option.
    pub fn user(mut self, user: &str) -> Result<Self> {
        self.user = Some(word("user", user)?);
        Ok(self)
    }

    /// The port of the ssh server.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The engine's socket on the remote host; empty uses the default of the docker command there.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when it is not an absolute path, or has a character with
    /// a meaning to the remote shell.
    pub fn socket(mut self, path: &str) -> Result<Self> {
        let plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
        let absolute = path.starts_with('/') && path.chars().all(plain);
        if !path.is_empty() && !absolute {
            return Err(Error::invalid(format!(
                "the remote socket {path:?} must be an absolute path of letters, digits and /._-+@:,"
            )));
        }
        path.clone_into(&mut self.socket);
        Ok(self)
    }

    /// An option of ssh's configuration, `-o NAME=VALUE`: `IdentityFile`, `StrictHostKeyChecking`,
    /// `ProxyJump`. An option that is set here overrides that of the configuration file.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the name contains other characters than letters and
    /// digits, or the value is empty or contains a control character.
    pub fn option(mut self, name: &str, value: &str) -> Result<Self> {
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !named || value.trim().is_empty() || value.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "{name:?} is not an option of ssh with a value"
            )));
        }
        self.options.push(format!("{name}={value}"));
        Ok(self)
    }

    /// Shares one connection to the ssh server among all connections to the engine, and keeps it
    /// for `idle` after the last one: ssh's `ControlMaster`. So only the first one logs in. A
    /// server allows ten sessions on a shared connection (`MaxSessions`); a further connection logs
    /// in separately. [`Docker::with_idle_connections`](crate::Docker::with_idle_connections)
    /// limits the number of idle connections.
    ///
    /// `directory` contains the socket of the shared connection. Only this user may have write
    /// permission for it. Its path must be short, because ssh adds 60 bytes to it. ssh on Windows
    /// cannot share connections.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the path is not absolute or has a `%` or a blank.
    pub fn reuse(self, directory: &str, idle: Duration) -> Result<Self> {
        let legal = |c: char| !c.is_control() && !c.is_whitespace() && c != '%';
        if !std::path::Path::new(directory).is_absolute() || !directory.chars().all(legal) {
            return Err(Error::invalid(format!(
                "{directory:?} is not an absolute path without blanks and `%`"
            )));
        }
        let seconds = idle.as_secs().max(1).to_string();
        // `%C` is a hash of this machine, the server, the port and the user.
        self.option("ControlMaster", "auto")?
            .option("ControlPath", &format!("{directory}/ssh-%C"))?
            .option("ControlPersist", &seconds)
    }

    /// The program to run instead of the `ssh` that is found in `PATH`.
    #[must_use]
    pub fn program(mut self, path: impl AsRef<OsStr>) -> Self {
        self.program = path.as_ref().to_owned();
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(user) = &self.user {
            command.args(["-l", user]);
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.args(["--", &self.host, "docker"]);
        if !self.socket.is_empty() {
            command.arg(format!("--host=unix://{}", self.socket));
        }
        command.args(["system", "dial-stdio"]);
        command
    }
}

/// A word that ssh cannot read as an option.
fn word(what: &str, text: &str) -> Result<String> {
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
        return Err(Error::invalid(format!(
            "{text:?} is not a valid {what} for ssh: it is empty, begins with `-` or has a space"
        )));
    }
    Ok(text.to_owned())
}

impl Connector for SshConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let mut child = self
                .command()
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| {
                    let program = self.program.to_string_lossy();
                    io::Error::new(error.kind(), format!("cannot run {program}: {error}"))
                })?;
            let lost = || io::Error::other("a pipe of ssh is missing");
            Ok(Box::new(Session {
                input: Some(child.stdin.take().ok_or_else(lost)?),
                output: child.stdout.take().ok_or_else(lost)?,
                stderr: Some(child.stderr.take().ok_or_else(lost)?),
                child,
                said: Vec::new(),
                timeout: None,
            }) as BoxStream)
        })
    }

    fn address(&self) -> String {
        Address::Ssh {
            user: self.user.clone(),
            host: self.host.clone(),
            port: self.port,
            path: self.socket.clone(),
        }
        .to_string()
    }
}

/// The longest standard error of ssh that is kept, in bytes.
const KEPT: usize = 2048;

/// The time for which standard error is read after ssh has exited. A background process of ssh, as
/// with `ControlPersist`, may keep the pipe open.
const STDERR_TIMEOUT: Duration = Duration::from_millis(500);

/// A running ssh. Dropping it kills the process.
struct Session {
    /// `None` after the write half is closed.
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// `None` after it has ended.
    stderr: Option<ChildStderr>,
    child: Child,
    said: Vec<u8>,
    timeout: Option<Pin<Box<Sleep>>>,
}

impl Session {
    /// Reads the standard error of ssh, so that ssh never blocks; ready at its end.
    fn poll_stderr(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; 512];
        while let Some(stderr) = &mut self.stderr {
            let mut buf = ReadBuf::new(&mut piece);
            let outcome = ready!(Pin::new(stderr).poll_read(cx, &mut buf));
            if outcome.is_err() || buf.filled().is_empty() {
                self.stderr = None;
            }
            let room = KEPT.saturating_sub(self.said.len()).min(buf.filled().len());
            self.said.extend_from_slice(&buf.filled()[..room]);
        }
        Poll::Ready(())
    }

    /// After the end of the output: whether ssh exited normally, or failed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let status = ready!(pin!(self.child.wait()).poll(cx))?;
        if status.success() {
            return Poll::Ready(Ok(()));
        }
        let timeout = self
            .timeout
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STDERR_TIMEOUT)));
        let over = timeout.as_mut().poll(cx).is_ready();
        if self.poll_stderr(cx).is_pending() && !over {
            return Poll::Pending;
        }
        let said = String::from_utf8_lossy(&self.said);
        let text = match said.trim() {
            "" => format!("ssh failed ({status})"),
            said => format!("ssh failed ({status}): {said}"),
        };
        Poll::Ready(Err(io::Error::other(text)))
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let _more_to_come = self.poll_stderr(cx);
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(cx)
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    // The end of the pipe is the end of the stream for the remote side.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_that_of_docker() {
        let connector = SshConnector::new("build").unwrap().user("me").unwrap().port(2222);
        let connector = connector.socket("/run/d.sock").unwrap();
        let words: Vec<_> = connector
            .command()
            .as_std()
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            words.join(" "),
            "-l me -p 2222 -- build docker --host=unix:///run/d.sock system dial-stdio"
        );
        assert_eq!(connector.address(), "ssh://me@build:2222/run/d.sock");
    }

    #[cfg(unix)] // OpenSSH on Windows shares no connections
    #[test]
    fn options_precede_the_host() {
        let connector = SshConnector::new("h")
            .unwrap()
            .option("IdentityFile", "/k y")
            .unwrap();
        let connector = connector.reuse("/run/me", Duration::from_secs(60)).unwrap();
        let command = connector.command();
        let words: Vec<_> = command.as_std().get_args().collect();
        let expected = [
            "-o",
            "IdentityFile=/k y",
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPath=/run/me/ssh-%C",
            "-o",
            "ControlPersist=60",
            "--",
            "h",
            "docker",
            "system",
            "dial-stdio",
        ];
        assert_eq!(words, expected);
        for (name, value) in [
            ("", "x"),
            ("A", ""),
            ("A B", "x"),
            ("A", "x\nProxyCommand y"),
            ("-o", "x"),
        ] {
            assert!(
                connector.clone().option(name, value).is_err(),
                "{name:?}={value:?}"
            );
        }
        for directory in ["relative", "/a b", "/%h"] {
            assert!(
                connector.clone().reuse(directory, Duration::ZERO).is_err(),
                "{directory}"
            );
        }
    }

    #[test]
    fn options_and_shell_characters_are_rejected() {
        assert!(SshConnector::new("-oProxyCommand=x").is_err());
        assert!(SshConnector::new("").is_err());
        let connector = SshConnector::new("h").unwrap();
        assert!(connector.clone().user("-x").is_err());
        for path in ["/a;b", "/a b", "/$(x)", "relative"] {
            assert!(connector.clone().socket(path).is_err(), "{path}");
        }
        let address: Address = "ssh://me@h:22/run/d.sock".parse().unwrap();
        assert_eq!(address.connector().unwrap().address(), "ssh://me@h:22/run/d.sock");
        for text in ["ssh://-x", "ssh://-oProxy@h"] {
            let address: Address = text.parse().unwrap();
            assert!(address.connector().is_err(), "{text}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn input_that_was_closed_takes_no_data() {
        use tokio::io::AsyncWriteExt;
        let connector = SshConnector::new("h").unwrap().program("true");
        let mut stream = connector.connect().await.unwrap();
        stream.shutdown().await.unwrap();
        stream.flush().await.unwrap();
        let error = stream.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
