//! The throughput of a service of this machine that is exposed inside, and of a forwarded port of
//! an internal network, beside the output of a plain exec.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use engine_api::exec::{CreateExec, StartExec};
use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, NetworkMode, NetworkSpec, WaitFor};

use super::{Daemon, Figures, Outcome};

/// The number of bytes of each transfer.
const BYTES: usize = 64 << 20;

const ROUNDS: usize = 3;

/// The timeout until the service on the internal network listens.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The part of the throughput of an exec that a relay must reach.
const PART: f64 = 0.5;

/// Reads from the port of its argument, and prints the number of bytes.
const PYTHON: &str = "import socket, sys
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
count = 0
while piece := connection.recv(65536):
    count += len(piece)
print(count)";

/// A service of this machine that sends [`BYTES`] to each client.
fn service() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || send(stream));
        }
    });
    Ok(port)
}

fn send(mut stream: TcpStream) {
    let piece = vec![0; 1 << 16];
    for _ in 0..BYTES / piece.len() {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
}

/// MB per second.
fn rate(bytes: usize, began: Instant) -> f64 {
    bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
}

/// The output of an exec of the daemon, without a shell of this library.
async fn exec(daemon: &Daemon, environment: &Environment) -> Outcome<f64> {
    let details = environment.inspect().await?.details;
    let container = details
        .get("container_id")
        .ok_or("the environment has no container")?;
    let script = format!("dd if=/dev/zero bs=65536 count={} 2>/dev/null", BYTES >> 16);
    let command = CreateExec {
        cmd: ["sh", "-c", &script].into(),
        attach_stdout: true,
        ..CreateExec::default()
    };
    let execs = daemon.docker.execs();
    let began = Instant::now();
    let id = execs.create(container, command).await?.id;
    let mut started = execs.start(&id, StartExec::default()).await?;
    let mut received = 0;
    while let Some(chunk) = started.output.next().await {
        received += chunk?.bytes().len();
    }
    Ok(rate(received, began))
}

/// A client inside reads from the service of this machine.
async fn exposed(environment: &Environment, port: u16) -> Outcome<f64> {
    // The nc of BusyBox copies 1 kB at a time, and its wc reads single bytes. So the client is one
    // process that reads from the connection itself; its dd prints the number of blocks.
    let script = format!(
        "if command -v bash >/dev/null; then bash -c 'exec wc -c </dev/tcp/127.0.0.1/{port}'
        elif command -v python3 >/dev/null; then python3 -c \"$PYTHON\" {port}
        else exec 3>&1; nc 127.0.0.1 {port} -e sh -c 'exec dd bs=65536 iflag=fullblock of=/dev/null 2>&3'; fi"
    );
    let client = Command {
        env: [("PYTHON", PYTHON)].into(),
        ..Command::shell(&script)
    };
    let began = Instant::now();
    let output = environment.run(client).await?;
    let text = output.stdout_text();
    let first = text.split_whitespace().next().unwrap_or_default();
    let received: usize = match first.split_once('+') {
        Some((blocks, "0")) => blocks.parse::<usize>()? << 16,
        _ => first.parse()?,
    };
    match received == BYTES {
        true => Ok(rate(received, began)),
        false => Err(format!("the client has received {received} bytes").into()),
    }
}

/// This process reads from a service on an internal network.
async fn forwarded(environment: &Environment) -> Outcome<f64> {
    let at = environment.endpoint(9000).await?;
    let began = Instant::now();
    let received = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(at)?;
        std::io::copy(&mut stream, &mut std::io::sink())
    });
    let received = usize::try_from(received.await??)?;
    match received == BYTES {
        true => Ok(rate(received, began)),
        false => Err(format!("the client has received {received} bytes").into()),
    }
}

pub(crate) async fn measure(daemon: &Daemon, image: &str, figures: &mut Figures) -> Outcome<()> {
    println!("relays of {image}");
    let (manager, port) = (daemon.manager()?, service()?);
    // An image without nc has a BusyBox after its service is exposed.
    let serve = format!(
        "nc=nc; [ ! -e /busybox-isolate ] || nc='/busybox-isolate nc'; \
         exec $nc -ll -p 9000 -e dd if=/dev/zero bs=65536 count={}",
        BYTES >> 16
    );
    let spec = EnvironmentSpec {
        image: Some(image.to_owned()),
        network: NetworkSpec {
            mode: NetworkMode::Private,
            internal: true,
            ports: vec![9000.into()],
            expose_host: vec![port],
            ..NetworkSpec::default()
        },
        ..daemon.spec()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    let server = environment.execute(Command::shell(serve)).await?;
    environment
        .wait_until(&WaitFor::Port(9000), READY_TIMEOUT)
        .await?;
    let (mut plain, mut inside, mut outside) = (0.0_f64, 0.0_f64, 0.0_f64);
    // In turns, so that the load is the same for all.
    for _ in 0..ROUNDS {
        plain = plain.max(exec(daemon, &environment).await?);
        inside = inside.max(exposed(&environment, port).await?);
        outside = outside.max(forwarded(&environment).await?);
    }
    drop(server);
    environment.destroy().await?;
    manager.shutdown().await?;
    figures.print("output of a plain exec", plain, "MB/s");
    figures.at_least(
        "service of this machine, read inside",
        inside,
        plain * PART,
        "MB/s",
    );
    figures.at_least(
        "port of an internal network, read here",
        outside,
        plain * PART,
        "MB/s",
    );
    Ok(())
}
