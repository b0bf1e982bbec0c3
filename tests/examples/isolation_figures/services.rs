//! How soon a service with a port is known to accept connections.

use std::time::{Duration, SystemTime};

use isolation::{Command, EngineChoice, EnvironmentSpec, LogEntry, LogOptions, Main, WaitFor};

use super::{Daemon, Figures, Outcome, median, ms};

/// A server that listens late, and a loop beside it that writes a line when it accepts.
const SERVER: &str = "(until nc 127.0.0.1 8000 </dev/null; do :; done 2>/dev/null; echo accepts) & sleep 0.7; \
                      exec httpd -f -p 8000";

pub(crate) async fn measure(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let manager = daemon.manager()?;
    let mut late = Vec::new();
    for _ in 0..7 {
        let spec = EnvironmentSpec {
            main: Main::Command(Command::shell(SERVER)),
            ready: Some(WaitFor::Port(8000).into()),
            ..daemon.spec()
        };
        let environment = manager.create(&EngineChoice::Auto, spec).await?;
        let ready = SystemTime::now();
        late.push(
            ready
                .duration_since(accepts(&environment).await?)
                .unwrap_or(Duration::ZERO),
        );
        environment.destroy().await?;
    }
    figures.at_most(
        "service ready after it accepts, p50",
        ms(median(late)),
        50.0,
        "ms",
    );
    manager.shutdown().await?;
    Ok(())
}

/// When the loop in the environment saw the first connection.
async fn accepts(environment: &isolation::Environment) -> Outcome<SystemTime> {
    environment
        .wait_until(&"log:accepts".parse()?, Duration::from_secs(5))
        .await?;
    let mut log = environment.logs(LogOptions::default()).await?;
    while let Some(entry) = log.next().await? {
        if let LogEntry::Line(line) = entry {
            return Ok(line.at.ok_or("the line has no time")?);
        }
    }
    Err("the log has no line".into())
}
