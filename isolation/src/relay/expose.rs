//! Exposes a service of this machine inside an environment.
//!
//! A program of the image listens inside. For each connection it creates two named pipes and prints
//! their path. A command then connects the pipes to a connection to the service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::pipe::pipe;
use super::programs::Programs;
use super::{Relay, Start};
use crate::command::Command;
use crate::command::execution::{Chunk, Execution};
use crate::command::input::Input;
use crate::error::{Error, ErrorKind, Result};

/// Listens at the port `$1` of the loopback interface: prints `ready`, and then the path of the
/// pipes of each connection. It tries several programs, and prints the messages of the last one to
/// standard error. `$4` is the path of a copied BusyBox, or empty.
const LISTEN: &str = include_str!("listen.sh");

/// The same in Python, with the directory of the pipes and the port as arguments.
const LISTEN_IN_PYTHON: &str = include_str!("listen.py");

/// The same in Perl.
const LISTEN_IN_PERL: &str = concat!(include_str!("copy.pl"), include_str!("listen.pl"));

/// Writes standard input to the pipe `$1`, with the `cat` of the BusyBox `$2` if it is not empty.
const WRITE: &str = "exec $2 cat >\"$1\"";

/// The longest line of the listening program.
const LONGEST: usize = 4096;

/// The timeout until the program inside listens.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of open connections; further connections wait.
const MOST: usize = 128;

/// Exposes a service of this machine at a port of the loopback interface inside.
///
/// # Errors
///
/// The kind is [`Unsupported`](ErrorKind::Unsupported) if no program of the image can listen,
/// [`Conflict`](ErrorKind::Conflict) if the port is used inside.
pub(crate) async fn expose(start: Arc<dyn Start>, inside: u16, service: SocketAddr) -> Result<Relay> {
    let (programs, lines) = match listen(start.as_ref(), inside, Programs::Image).await {
        Err(missing) if missing.kind() == ErrorKind::Unsupported => {
            let programs = Programs::copy(start.as_ref(), &missing).await?;
            (programs, listen(start.as_ref(), inside, programs).await?)
        }
        listening => (Programs::Image, listening?),
    };
    Ok(Relay(tokio::spawn(accept(start, programs, lines, service))))
}

async fn listen(start: &dyn Start, inside: u16, programs: Programs) -> Result<Lines> {
    let port = inside.to_string();
    let argv = [
        "sh",
        "-c",
        LISTEN,
        "sh",
        &port,
        LISTEN_IN_PYTHON,
        LISTEN_IN_PERL,
        programs.path(),
    ];
    // The input stays open: the program inside exits when it ends, and so with this process.
    let command = Command {
        input: Input::Piped,
        ..programs.command(&argv)
    };
    let mut lines = Lines {
        execution: start.start(&command).await?,
        text: Vec::new(),
        errors: String::new(),
    };
    let first = timeout(READY_TIMEOUT, lines.next()).await.map_err(|_| {
        let text = format!("no program inside listens at port {inside} after {READY_TIMEOUT:?}");
        Error::new(ErrorKind::Timeout, text)
    })?;
    match first? {
        Some(line) if line == "ready" => Ok(lines),
        _ => Err(not_listening(inside, lines.errors.trim())),
    }
}

fn not_listening(port: u16, errors: &str) -> Error {
    // Python, Perl, BusyBox and socat have the text of the C library.
    if errors.to_lowercase().contains("address already in use") {
        let text = format!("a program inside listens at port {port} already; expose another port");
        return Error::new(ErrorKind::Conflict, text);
    }
    let text = format!(
        "no program of the image can listen for connections: it needs `sh`, and one of python3, python, perl, \
         socat or the nc of BusyBox{}{errors}",
        if errors.is_empty() { "" } else { "; " },
    );
    Error::new(ErrorKind::Unsupported, text)
}

/// The lines that a command prints.
struct Lines {
    execution: Execution,
    text: Vec<u8>,
    /// Its standard error, up to the length of the longest line.
    errors: String,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.text.len() > LONGEST {
                let text = "the program that listens inside prints something else than lines";
                return Err(Error::new(ErrorKind::Engine, text));
            }
            match self.execution.next().await? {
                None => return Ok(None),
                Some(Chunk::Stdout(bytes)) => self.text.extend_from_slice(&bytes),
                Some(Chunk::Stderr(bytes)) if self.errors.len() < LONGEST => {
                    self.errors.push_str(&String::from_utf8_lossy(&bytes));
                }
                Some(Chunk::Stderr(_)) => {}
            }
        }
    }
}

/// Serves the connections until the program inside exits, for example with the environment.
async fn accept(start: Arc<dyn Start>, programs: Programs, mut lines: Lines, service: SocketAddr) {
    let mut open = JoinSet::new();
    while let Ok(Some(pipes)) = lines.next().await {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST {
            open.join_next().await;
        }
        let start = Arc::clone(&start);
        open.spawn(async move {
            // The client inside sees the end of its connection; no other caller waits.
            let _ = connect(start.as_ref(), programs, &pipes, service).await;
        });
    }
}

async fn connect(start: &dyn Start, programs: Programs, pipes: &str, service: SocketAddr) -> Result<()> {
    // Two commands are needed: the output of a single command would end only with the input. A
    // command with an input has its own streams, which do not delay data: the last bytes of a
    // request arrive before its end.
    let from = Command {
        input: Input::Piped,
        ..programs.command(&["cat", &format!("{pipes}.o")])
    };
    let to = Command {
        input: Input::Piped,
        ..programs.command(&["sh", "-c", WRITE, "sh", &format!("{pipes}.i"), programs.path()])
    };
    let (stream, from, to) = tokio::join!(TcpStream::connect(service), start.start(&from), start.start(&to));
    let (mut from, mut to) = (from?, to?);
    if let (Ok(stream), Some(stdin)) = (stream, to.take_stdin()) {
        pipe(stream, stdin, &mut from).await?;
    }
    // Without a service, the end of the pipe closes the connection inside.
    tokio::try_join!(to.wait(), from.wait()).map(drop)
}
