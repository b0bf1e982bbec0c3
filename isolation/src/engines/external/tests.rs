#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

// A program that answers as a test says.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::SystemTime;

use tokio::time::sleep;

use super::*;
use crate::command::Command;
use crate::events::{Event, EventKind, EventSink, PullProgress, Subject};
use crate::journal::Journal;
use crate::spec::EnvironmentSpec;
use crate::{Execution, Protocol};

/// Reads requests, and answers the first one. `$id` is the ID of a request, `$of` that of the
/// environment in a creation.
const BEGINNING: &str = r#"#!/bin/sh
result() { printf '%s\n' '{"id":'"$id"',"result":'"$1"'}'; }
item() { printf '%s\n' '{"id":'"$id"','"$1"'}'; }
while read -r line; do
  id=${line#*:}; id=${id%%,*}
  of=${line#*'"id":"'}; of=${of%%'"'*}
  printf '%s\n' "$line" >>"$0.log"
  case $line in
    *'"method":"hello"'*) result '{"version":1,"engines":["other"]}' ;;
"#;

/// A program, whose directory ends with it.
struct Program {
    directory: tempfile::TempDir,
    id: EnvironmentId,
}

impl Program {
    /// A program with these answers: methods, and scripts that answer them.
    fn new(answers: &[(&str, &str)]) -> Self {
        let arm = |(method, script): &(&str, &str)| format!("*'\"method\":\"{method}\"'*) {script} ;;\n");
        let arms: String = answers.iter().map(arm).collect();
        Self::of(&format!("{BEGINNING}{arms}esac\ndone\n"))
    }

    /// Another process writes the file: a file that this process writes to may not be run while
    /// another thread starts a process.
    fn of(script: &str) -> Self {
        let program = Self {
            directory: tempfile::tempdir().unwrap(),
            id: EnvironmentId::random(),
        };
        let mut writer = std::process::Command::new("/bin/sh")
            .args(["-c", r#"cat >"$0" && chmod 755 "$0""#])
            .arg(program.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = writer.stdin.take().unwrap();
        to.write_all(script.as_bytes()).unwrap();
        drop(to);
        assert!(writer.wait().unwrap().success());
        program
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("isolation-engine-other")
    }

    fn engine(&self) -> ExternalEngine {
        ExternalEngine::at("other", self.path()).with_timeout(Duration::from_secs(60))
    }

    fn context(&self, events: &EventSink) -> Context {
        Context::new(events.clone(), Journal::of(None, &self.id))
    }

    async fn create(&self, engine: &ExternalEngine, events: &EventSink) -> Result<Box<dyn Instance>> {
        let (spec, context) = (EnvironmentSpec::default(), self.context(events));
        engine.create(new(&self.id, &spec, &context)).await
    }

    /// An environment with these features and a disk limit.
    async fn made(answers: &[(&str, &str)]) -> (Self, ExternalEngine, Box<dyn Instance>) {
        let created = created();
        let answers: Vec<_> = answers.iter().copied().chain([("create", &*created)]).collect();
        let program = Self::new(&answers);
        let engine = program.engine();
        let instance = program.create(&engine, &EventSink::default()).await.unwrap();
        (program, engine, instance)
    }

    /// The requests of this method that it has read.
    fn seen(&self, method: &str) -> usize {
        let log = std::fs::read_to_string(self.path().with_extension("log")).unwrap_or_default();
        log.matches(&format!("\"method\":\"{method}\"")).count()
    }

    /// Waits until it has read a request of this method.
    async fn has_seen(&self, method: &str) {
        while self.seen(method) == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn new<'a>(id: &'a EnvironmentId, spec: &'a EnvironmentSpec, context: &'a Context) -> NewEnvironment<'a> {
    NewEnvironment {
        id,
        name: "web",
        spec,
        context,
        ahead: None,
    }
}

/// The script of an answer to a creation.
fn created() -> String {
    let features = [
        Feature::Commands,
        Feature::Ports,
        Feature::DiskLimit,
        Feature::Snapshots,
    ];
    let capabilities = Capabilities::new(IsolationLevel::Process).with(features);
    let capabilities = serde_json::to_string(&capabilities).unwrap();
    format!(
        r#"result '{{"id":"'"$of"'","name":"web","engine":"other","status":"created","spec":{{}},
        "disk_limit":1000,"capabilities":{capabilities}}}'"#
    )
    .replace('\n', " ")
}

async fn run(instance: &dyn Instance) -> Result<Execution> {
    let command = Command::new(["true"]);
    instance.exec().unwrap().execute(&command).await
}

#[tokio::test]
async fn event_of_the_engine_reaches_its_environment() {
    let of = |subject: Subject, kind: EventKind| {
        let event = Event {
            sequence: 0,
            at: SystemTime::now(),
            subject,
            kind,
        };
        let event = serde_json::to_string(&event).unwrap();
        format!("printf '%s\\n' '{{\"event\":{event}}}'; ")
    };
    let engine = || "inner".to_owned();
    let ignored = |id: &str| {
        let subject = Subject::Environment {
            id: id.parse().unwrap(),
            name: "web".to_owned(),
            engine: engine(),
        };
        let kind = EventKind::DefaultLimitIgnored {
            limit: Feature::PidsLimit,
            reason: "no group".to_owned(),
        };
        of(subject, kind)
    };
    let image = Subject::Image {
        engine: engine(),
        image: "alpine".to_owned(),
    };
    let id = EnvironmentId::random();
    let other = EnvironmentId::random();
    let warning = EventKind::Warning {
        message: "slow".to_owned(),
    };
    let script = [
        of(image, EventKind::Pull(PullProgress::default())),
        of(Subject::Engine { engine: engine() }, warning),
        ignored(id.as_str()),
        ignored(other.as_str()),
        // A manager sends these itself.
        of(Subject::Engine { engine: engine() }, EventKind::Chosen),
        created(),
    ];
    let mut program = Program::new(&[("create", &script.concat())]);
    program.id = id.clone();
    let events = EventSink::default();
    let mut received = events.subscribe();
    let instance = program.create(&program.engine(), &events).await.unwrap();
    events.emit(
        Subject::Engine {
            engine: "last".into(),
        },
        EventKind::Chosen,
    );
    let mut seen = Vec::new();
    loop {
        let event = received.next().await.unwrap().unwrap();
        if event.kind == EventKind::Chosen {
            assert_eq!(event.subject.name(), "last");
            break;
        }
        let text = serde_json::to_value(&event).unwrap();
        let engine = text["subject"].as_object().unwrap().values().next().unwrap()["engine"].clone();
        let id = event.subject.environment_id().cloned();
        seen.push((event.subject.name().to_owned(), engine, id));
    }
    let others = |name: &str, id: Option<EnvironmentId>| (name.to_owned(), "other".into(), id);
    let expected = [
        others("alpine", None),
        others("other", None),
        others("web", Some(id)),
    ];
    assert_eq!(seen, expected);
    drop(instance);
}

#[tokio::test]
async fn port_that_the_program_forwards_is_published() {
    let endpoint = crate::Endpoint {
        forwarded: true,
        ..crate::Endpoint::new(80, Protocol::Tcp, "127.0.0.1", 8080)
    };
    let endpoint = serde_json::to_string(&endpoint).unwrap();
    let address: IpAddr = "10.1.2.3".parse().unwrap();
    for (endpoints, expected) in [("", Some(address)), (&*endpoint, None)] {
        let answer = format!(r#"result '{{"endpoints":[{endpoints}],"unpublished":"10.1.2.3"}}'"#);
        let (_program, _engine, instance) = Program::made(&[("endpoints", &answer)]).await;
        let ports = instance.ports().unwrap();
        assert_eq!(ports.unpublished().await.unwrap(), expected, "{endpoints}");
        let count = usize::from(!endpoints.is_empty());
        assert_eq!(ports.endpoints().await.unwrap().len(), count);
    }
}

#[tokio::test]
async fn disk_usage_is_that_of_the_program() {
    let (_program, _engine, instance) = Program::made(&[("disk_usage", r#"result '{"used":77}'"#)]).await;
    let disk = instance.disk_usage().unwrap();
    assert_eq!((disk.limit(), disk.used().await.unwrap()), (1000, 77));
}

#[tokio::test]
async fn fork_point_of_another_engine_is_invalid() {
    let (program, engine, _instance) = Program::made(&[]).await;
    let (spec, context) = (EnvironmentSpec::default(), program.context(&EventSink::default()));
    let id = EnvironmentId::random();
    let point = ForkPoint::new("mine");
    let forked = engine.fork(new(&id, &spec, &context), &point).await;
    let error = forked.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("belongs to another engine"), "{error}");
    assert_eq!(program.seen("create"), 1, "nothing is sent");
}

#[tokio::test]
async fn environment_that_is_dropped_is_destroyed() {
    let (program, _engine, instance) = Program::made(&[("destroy", "result '{}'")]).await;
    drop(instance);
    program.has_seen("destroy").await;
}

#[tokio::test]
async fn environment_without_time_is_left_to_the_journal() {
    let answers = [
        ("destroy", "result '{}'"),
        ("list", r#"result '{"environments":[]}'"#),
    ];
    let (program, engine, instance) = Program::made(&answers).await;
    assert!(!instance.destroy_blocking(Duration::ZERO), "it may exist");
    drop(instance);
    engine.list().await.unwrap();
    assert_eq!(program.seen("destroy"), 0);
}

#[tokio::test]
async fn creation_that_is_dropped_is_undone() {
    let program = Program::new(&[("create", "")]);
    let engine = program.engine();
    let events = EventSink::default();
    tokio::select! {
        _ = program.create(&engine, &events) => panic!("it has no answer"),
        () = program.has_seen("create") => {}
    }
    program.has_seen("destroy").await;
    let log = std::fs::read_to_string(program.path().with_extension("log")).unwrap();
    let undone = log.lines().find(|line| line.contains("\"method\":\"destroy\""));
    assert!(undone.unwrap().contains(program.id.as_str()), "{log}");
}

#[tokio::test]
async fn creation_that_ends_its_program_is_undone() {
    let program = Program::new(&[("create", "exit 3"), ("remove", r#"result '{"removed":true}'"#)]);
    let created = program.create(&program.engine(), &EventSink::default()).await;
    let error = created.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(format!("{error:?}").contains("exit status: 3"), "{error:?}");
    assert_eq!((program.seen("hello"), program.seen("remove")), (2, 1));
}

#[tokio::test]
async fn command_that_is_never_started_is_an_error() {
    let (_program, _engine, instance) = Program::made(&[("exec", "")]).await;
    // The next sleep of this thread is the timeout.
    tokio::time::pause();
    let error = run(&*instance).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(
        error.to_string().contains("not started it within 60 s"),
        "{error}"
    );
}

#[tokio::test]
async fn message_at_the_wrong_time_is_an_error() {
    let again = r#"item '"started":true'; item '"started":true'"#;
    let strange = r#"item '"started":true'; result '{"strange":1}'"#;
    for (script, errors) in [
        (again, ["sent a start at the wrong time"; 1].as_slice()),
        (strange, &["cannot be read", "the stream has ended"]),
    ] {
        let (_program, _engine, instance) = Program::made(&[("exec", script)]).await;
        let mut execution = run(&*instance).await.unwrap();
        for expected in errors {
            let error = execution.wait().await.unwrap_err();
            assert!(format!("{error:?}").contains(expected), "{expected}: {error:?}");
        }
    }
}

#[tokio::test]
async fn program_that_closes_its_output_has_ended() {
    let closing = Program::new(&[("list", "exec >&- 2>&-; exec sleep 100")]);
    let error = closing.engine().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = format!("{error:?}");
    assert!(text.contains("its program has closed its output"), "{text}");
}

#[tokio::test]
async fn program_that_reads_no_more_has_ended() {
    let deaf = Program::new(&[("list", "exec <&-; exec sleep 100")]);
    let engine = deaf.engine();
    let mut first = engine.list();
    // A request that is sent before the program closes its input is lost.
    let error = loop {
        tokio::select! {
            ended = &mut first => break ended.unwrap_err(),
            () = sleep(Duration::from_millis(10)) => {}
        }
        drop(timeout(Duration::from_millis(1), engine.list()).await);
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = format!("{error:?}");
    assert!(text.contains("its program does not end"), "{text}");
}

#[tokio::test]
async fn program_that_is_gone_cannot_be_run() {
    let program = Program::new(&[]);
    let engine = program.engine();
    std::fs::remove_file(program.path()).unwrap();
    let error = engine.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.to_string().contains("isolation-engine-other"), "{error}");
}

/// The collection reaches an engine at the address in the journal.
#[tokio::test]
async fn leftover_at_a_noted_address_is_removed() {
    let program = Program::new(&[("remove", r#"result '{"removed":true}'"#)]);
    let address = program.engine().address().unwrap();
    let elsewhere = ExternalEngine::at("other", "/no/such/program");
    let engine = elsewhere.at(&address).unwrap();
    let context = program.context(&EventSink::default());
    let leftover = Leftover {
        id: &program.id,
        resources: &[crate::Resource::new("directory", "/left")],
        context: &context,
    };
    assert!(engine.remove(leftover).await.unwrap());
    let log = std::fs::read_to_string(program.path().with_extension("log")).unwrap();
    let request = log.lines().find(|line| line.contains("\"method\":\"remove\""));
    let request = request.unwrap();
    assert!(request.contains(program.id.as_str()), "{request}");
    assert!(
        request.contains(r#"{"kind":"directory","name":"/left"}"#),
        "{request}"
    );
    let error = elsewhere.remove(leftover).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
