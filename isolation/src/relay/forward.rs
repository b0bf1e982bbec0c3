//! Forwards a port of an environment to this machine, if its network cannot publish it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::pipe::pipe;
use super::programs::Programs;
use super::{Relay, Start};
use crate::command::Command;
use crate::command::input::Input;
use crate::error::{Error, ErrorKind, Result};

/// Connects standard input and output to the port `$2` at the address `$1`, and ends with the
/// connection.
const CONNECT: &str = include_str!("connect.sh");

/// The same in Python, with the address and the port as arguments.
const CONNECT_IN_PYTHON: &str = include_str!("connect.py");

/// The same in Perl.
const CONNECT_IN_PERL: &str = concat!(include_str!("copy.pl"), include_str!("connect.pl"));

/// Succeeds if a program of the image can do this.
pub(super) const CAN_CONNECT: &str = "\
for program in python3 python socat; do command -v $program >/dev/null 2>&1 && exit; done
perl -MSocket -e '' 2>/dev/null && exit
case $(nc --help 2>&1 </dev/null) in *BusyBox*) exit 0 ;; esac
for program in bash nc; do command -v $program >/dev/null 2>&1 && exit 3; done
exit 1";

/// The exit code of [`CAN_CONNECT`] if the programs of the image only forward the end of the
/// connection in one direction.
const ONE_END: i32 = 3;

/// The maximum number of open connections; further connections wait.
const MOST: usize = 128;

/// The pause after a failed accept, for example because of missing file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Forwards the connections to an address of this machine to a port inside. Returns the address,
/// with the port that the system has chosen if that of `at` is 0.
///
/// # Errors
///
/// The kind is [`Conflict`](ErrorKind::Conflict) if the port is used,
/// [`Unsupported`](ErrorKind::Unsupported) if no program of the image can connect.
pub(crate) async fn forward(
    start: Arc<dyn Start>,
    at: SocketAddr,
    inside: (IpAddr, u16),
) -> Result<(Relay, SocketAddr)> {
    let failed = |error: std::io::Error| {
        let text = format!("cannot listen at {at}: {error}; choose another port of the host");
        Error::new(ErrorKind::Conflict, text)
    };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    let programs = programs(start.as_ref()).await?;
    Ok((Relay(tokio::spawn(accept(start, programs, listener, inside))), at))
}

async fn programs(start: &dyn Start) -> Result<Programs> {
    let mut looking = start.start(&Command::shell(CAN_CONNECT)).await?;
    let found = looking.wait().await?;
    if found.success() {
        return Ok(Programs::Image);
    }
    let text = "no program of the image can connect to its port: it needs `sh`, and one of python3, python, perl, \
                socat, nc or bash";
    let copied = Programs::copy(start, &Error::new(ErrorKind::Unsupported, text)).await;
    match found.code {
        ONE_END => Ok(copied.unwrap_or(Programs::Image)),
        _ => copied,
    }
}

async fn accept(start: Arc<dyn Start>, programs: Programs, listener: TcpListener, inside: (IpAddr, u16)) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST {
            open.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let start = Arc::clone(&start);
                open.spawn(async move {
                    // The client sees the end of its connection; no other caller waits.
                    let _ = connect(start.as_ref(), programs, stream, inside).await;
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connect(
    start: &dyn Start,
    programs: Programs,
    stream: TcpStream,
    (address, port): (IpAddr, u16),
) -> Result<()> {
    let (address, port) = (address.to_string(), port.to_string());
    let argv: &[&str] = match programs {
        Programs::Image => &[
            "sh",
            "-c",
            CONNECT,
            "sh",
            &address,
            &port,
            CONNECT_IN_PYTHON,
            CONNECT_IN_PERL,
        ],
        Programs::Copied => &["nc", &address, &port],
    };
    let command = Command {
        input: Input::Piped,
        ..programs.command(argv)
    };
    let mut execution = start.start(&command).await?;
    match execution.take_stdin() {
        Some(stdin) => pipe(stream, stdin, &mut execution).await,
        None => Ok(()),
    }
}
