//! Whether environments can have access to the internet: found out by a connection from one.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::first_process::Process;
use super::holder::{self, IS_READY};
use super::identity::{Identity, find_program};
use super::slirp::{self, DEVICE, IP, NSENTER, PROGRAM};
use crate::environment::id::random_hex;

/// Whether it is possible; an error says why it is not.
pub(super) type Possible = Result<(), String>;

/// How long the connection may take on a busy machine.
const REACHED: Duration = Duration::from_secs(30);

/// How long one that connected may take to say who it is.
const SAID: Duration = Duration::from_secs(5);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Connects to an address and a port when it is asked to, and sends a word. It uses the programs of
/// this machine, and ends with them or with its input.
const CONNECT: &str = r#"
read -r line || exit
trap 'exit 0' USR1
{
bash -c 'echo "$2" >"/dev/tcp/$0/$1"' "$@" ||
python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).sendall((sys.argv[3] + "\n").encode())' "$@" ||
perl -MIO::Socket::INET -e '
$s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]) or exit 1; print $s "$ARGV[2]\n"' "$@" ||
echo "$3" | nc "$1" "$2"
while :; do kill -USR1 $$; done
} </dev/null >/dev/null 2>&1 &
while read -r line; do :; done
"#;

/// Why it is not possible, as far as that is known without a try. This is fast.
pub(super) fn prerequisites() -> Possible {
    let packages = [(PROGRAM, PROGRAM), (NSENTER, "util-linux"), (IP, "iproute2")];
    for (program, package) in packages {
        if find_program(program).is_none() {
            return Err(format!(
                "the program {program} is missing; install the package {package}"
            ));
        }
    }
    device(Path::new(DEVICE))
}

fn device(path: &Path) -> Possible {
    let opened = fs::OpenOptions::new().read(true).write(true).open(path);
    opened.map(drop).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => {
                "run as root, or let root give all users access to it, which the rules of many systems do"
            }
            _ => "let root load the kernel module tun",
        };
        let path = path.display();
        format!("{PROGRAM} needs {path}, which cannot be opened ({error}); {hint}")
    })
}

/// An address of this machine at which a connection from an environment is awaited.
pub(super) struct Target {
    listener: TcpListener,
    address: SocketAddr,
    word: String,
}

impl Target {
    /// Listens, if a connection could be made at all.
    pub(super) fn here() -> Result<Self, String> {
        prerequisites()?;
        let table = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let bound = addresses(&table).into_iter().find_map(|address| {
            let listener = TcpListener::bind((address, 0)).ok()?;
            listener.set_nonblocking(true).ok()?;
            Some((listener.local_addr().ok()?, listener))
        });
        let (address, listener) =
            bound.ok_or("this machine has no address but that of its loopback interface")?;
        let word = random_hex();
        Ok(Self {
            listener,
            address,
            word,
        })
    }

    /// The script of a first process that connects when it is asked to.
    pub(super) fn script() -> String {
        format!("echo {IS_READY} >&2{CONNECT}")
    }

    /// The arguments of the script.
    pub(super) fn words(&self) -> [String; 3] {
        let (address, port) = (self.address.ip(), self.address.port());
        [address.to_string(), port.to_string(), self.word.clone()]
    }

    /// Starts the program for the network of the first process, and waits for the connection.
    pub(super) fn await_from(
        &self,
        process: Process,
        identity: Identity,
        input: Option<&mut UnixStream>,
    ) -> Possible {
        let (ours, exit) = UnixStream::pair().map_err(|error| error.to_string())?;
        let failed = |why: String| format!("{PROGRAM} does not work here ({why})");
        let mut child = slirp::start(process, identity, exit.into()).map_err(failed)?;
        let asked = input.is_some_and(|input| input.write_all(b"\n").is_ok());
        let reached = asked && self.is_reached(process, REACHED);
        drop(ours);
        holder::end(&mut child, SAID);
        match reached {
            true => Ok(()),
            false => {
                let to = self.address;
                Err(failed(format!(
                    "no bash, python3, perl or nc could connect to {to} with it"
                )))
            }
        }
    }

    fn is_reached(&self, process: Process, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            // Asked before: what it has sent has then arrived.
            let ended = !process.runs();
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let _ = stream.set_nonblocking(false);
                    let _ = stream.set_read_timeout(Some(SAID));
                    let mut line = String::new();
                    let mut reader = BufReader::new(stream.take(self.word.len() as u64 + 1));
                    if reader.read_line(&mut line).is_ok() && line.trim_end() == self.word {
                        return true;
                    }
                }
                Err(_) if ended || Instant::now() > until => return false,
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

/// The addresses of this machine in the table of the kernel, without those of the loopback
/// interface.
fn addresses(table: &str) -> Vec<IpAddr> {
    let (mut found, mut last) = (Vec::new(), None);
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.contains("host LOCAL") {
            let address = last.filter(|address| !address.is_loopback()).map(IpAddr::from);
            found.extend(address.filter(|address| !found.contains(address)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_loopback_interface_are_left_out() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                     |-- 10.9.8.7\n        /32 host LOCAL\n     |-- 10.9.8.255\n        /32 link BROADCAST\n     \
                     |-- 127.0.0.1\n        /32 host LOCAL\nLocal:\n     |-- 10.9.8.7\n        /32 host LOCAL\n";
        assert_eq!(addresses(table), [IpAddr::from([10, 9, 8, 7])]);
        assert!(addresses("").is_empty());
    }

    #[test]
    fn device_that_cannot_be_opened_is_named() {
        let error = device(Path::new("/no-such-device")).unwrap_err();
        assert!(
            error.contains("/no-such-device") && error.contains("module tun"),
            "{error}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        device(file.path()).unwrap();
        if !rustix::process::geteuid().is_root() {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
            let error = device(file.path()).unwrap_err();
            assert!(error.contains("run as root"), "{error}");
        }
    }

    #[test]
    fn only_the_word_counts_as_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let word = "0123".to_owned();
        let target = Target {
            listener,
            address,
            word,
        };
        let this = Process::running(i32::try_from(std::process::id()).unwrap()).unwrap();
        let say = |word: &str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(format!("{word}\n").as_bytes()).unwrap();
        };
        say("4567");
        say("");
        assert!(!target.is_reached(this, Duration::ZERO));
        say("4567");
        say("0123");
        assert!(target.is_reached(this, REACHED));
        assert_eq!(target.words()[2], "0123");
    }
}
