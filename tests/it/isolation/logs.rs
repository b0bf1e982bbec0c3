//! Logs that are followed while the connection to the daemon is lost.

use std::time::Duration;

use fake_engine::{FakeEngine, Process};
use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, Lifetime, LogEntry, LogOptions, LogStream, Main,
    Manager,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, spec};

/// A kept environment that writes one number per second, up to this one, and its log.
async fn counting(fake: &FakeEngine, most: u32) -> (Manager, Environment, LogStream) {
    fake.on_command("count", move |process: Process| async move {
        for number in 1..=most {
            process.write_stdout(&number.to_string()).await;
            process.write_stderr(&format!("error {number}")).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        0
    });
    let manager = on(fake);
    let spec = EnvironmentSpec {
        main: Main::Command(Command::new(["count"])),
        // Its main process does not end with a connection.
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let environment = create(&manager, spec).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let log = environment.logs(follow).await.unwrap();
    (manager, environment, log)
}

/// The numbers of the next lines of standard output, up to this one.
async fn until(log: &mut LogStream, last: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        match log.next().await.unwrap() {
            Some(LogEntry::Line(line)) => numbers.extend(line.text_lossy().parse::<u32>().ok()),
            other => panic!("{other:?} after {numbers:?}"),
        }
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn followed_log_continues_after_a_lost_connection() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (_manager, environment, mut log) = counting(&fake, 20).await;
    let mut numbers = until(&mut log, 3).await;
    for next in [8, 15] {
        fake.disconnect();
        tokio::time::sleep(Duration::from_secs(3)).await;
        fake.reconnect();
        numbers.extend(until(&mut log, next).await);
    }
    numbers.extend(until(&mut log, 20).await);
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    while let Some(entry) = log.next().await.unwrap() {
        assert!(matches!(&entry, LogEntry::Line(_)), "{entry:?}");
    }
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn followed_log_of_a_lost_daemon_ends_with_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (_manager, environment, mut log) = counting(&fake, 1000).await;
    until(&mut log, 2).await;
    fake.disconnect();
    let began = tokio::time::Instant::now();
    let error = loop {
        match log.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the end of the log is not that of the process"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    assert!(began.elapsed() > Duration::from_secs(25), "{:?}", began.elapsed());
    fake.reconnect();
    environment.destroy().await.unwrap();
}
