//! Logs selected by time to the nanosecond and by number of lines, logs with details, and followed
//! logs.

use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use engine_api::containers::{CreateContainer, LogConfig, ReadLogs, WaitCondition};
use tests::scenarios::{has_written, remove, shell, started};

use crate::support::{Subject, engines};

/// A container that has ended.
async fn ended(subject: &Subject, container: CreateContainer) -> String {
    let id = started(&subject.docker, container).await.unwrap();
    let containers = subject.docker.containers();
    containers.wait(&id, WaitCondition::NotRunning).await.unwrap();
    id
}

/// The lines that the container wrote to both streams.
async fn lines(subject: &Subject, id: &str, options: ReadLogs) -> Vec<String> {
    let output = subject.docker.containers().logs(id, options).await.unwrap();
    let (stdout, stderr) = output.collect().await.unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The time at the start of a log line, as nanoseconds of a day.
fn time(line: &str) -> Timestamp {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let clock = line.split_once('T').unwrap().1;
    let number = |from: usize, to: usize| clock[from..to].parse::<u64>().unwrap();
    let of_day = number(0, 2) * 3600 + number(3, 5) * 60 + number(6, 8);
    let today = now / 86_400 * 86_400 + of_day;
    let seconds = if today > now + 60 { today - 86_400 } else { today };
    let nanos: String = clock[9..].chars().take_while(char::is_ascii_digit).collect();
    let nanos = format!("{nanos:0<9}").parse().unwrap();
    Timestamp::new(seconds.try_into().unwrap(), nanos)
}

fn after(time: Timestamp, nanos: i64) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(time.as_nanos() + i128::from(nanos)))
}

#[tokio::test]
async fn since_and_until_count_nanoseconds() {
    for subject in engines() {
        let script = "for n in 1 2 3 4; do echo line $n; sleep 0.02; done";
        let id = ended(&subject, shell("live_logs", script)).await;
        let timed = ReadLogs {
            timestamps: true,
            ..Default::default()
        };
        let all = lines(&subject, &id, timed).await;
        assert_eq!(all.len(), 4, "{}: {all:?}", subject.name);
        let numbers = |lines: Vec<String>| lines.iter().map(|line| line[5..].to_owned()).collect::<String>();
        let (second, third) = (time(&all[1]), time(&all[2]));
        // Both ends are inclusive. Podman parses times as floating-point numbers, which are less
        // precise.
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let (step, slack) = if podman { (1_000_000, 1_000_000) } else { (1, 0) };
        for (since, until, expected) in [
            (after(third, -slack), None, "34"),
            (after(third, step), None, "4"),
            (None, after(third, slack), "123"),
            (None, after(third, -step), "12"),
            (after(second, -slack), after(third, slack), "23"),
            (after(third, step), after(third, 2 * step), ""),
        ] {
            let options = ReadLogs {
                since,
                until,
                ..Default::default()
            };
            let found = numbers(lines(&subject, &id, options).await);
            assert_eq!(
                found, expected,
                "{}: {since:?} {until:?} of {all:?}",
                subject.name
            );
        }
        for (tail, expected) in [(0, ""), (1, "4"), (3, "234"), (9, "1234")] {
            let options = ReadLogs {
                tail: Some(tail),
                ..Default::default()
            };
            let found = numbers(lines(&subject, &id, options).await);
            assert_eq!(found, expected, "{}: the last {tail}", subject.name);
        }
        remove(&subject.docker, &id).await.unwrap();
    }
}

#[tokio::test]
async fn log_details_are_those_of_the_logging_driver() {
    for subject in engines() {
        if subject.docker.system().ping().await.unwrap().is_podman() {
            continue; // its drivers add no details
        }
        let mut container = shell("live_details", "echo hello");
        container.labels.insert("who".into(), "me".into());
        container.host_config.log_config = LogConfig {
            driver: "json-file".into(),
            config: [("labels".to_owned(), "who".to_owned())].into(),
        };
        let id = ended(&subject, container).await;
        let options = ReadLogs {
            details: true,
            ..Default::default()
        };
        assert_eq!(
            lines(&subject, &id, options).await,
            ["who=me hello"],
            "{}",
            subject.name
        );
        remove(&subject.docker, &id).await.unwrap();
    }
}

#[tokio::test]
async fn followed_logs_end_with_the_container() {
    for subject in engines() {
        let script = "echo one; until [ -e /go ]; do sleep 0.02; done; echo two";
        let id = started(&subject.docker, shell("live_follow", script))
            .await
            .unwrap();
        has_written(&subject.docker, &id, "one").await.unwrap();
        let options = ReadLogs {
            follow: true,
            tail: Some(0),
            ..Default::default()
        };
        let mut output = subject.docker.containers().logs(&id, options).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(200), output.next()).await;
        assert!(early.is_err(), "{}: {early:?}", subject.name);
        let go = engine_api::archive::file("go", 0o644, "").unwrap();
        let containers = subject.docker.containers();
        containers.upload(&id, "/", go, Default::default()).await.unwrap();
        let (stdout, _) = output.collect().await.unwrap();
        assert_eq!(&stdout[..], b"two\n", "{}", subject.name);
        remove(&subject.docker, &id).await.unwrap();
    }
}
