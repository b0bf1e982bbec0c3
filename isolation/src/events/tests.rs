//! Tests of events.

use super::*;

fn subject() -> Subject {
    let engine = "basic".to_owned();
    Subject::Engine { engine }
}

#[tokio::test]
async fn events_of_many_threads_arrive_in_order() {
    let sink = EventSink::default();
    let mut events = sink.subscribe();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let sink = sink.clone();
            std::thread::spawn(move || (0..100).for_each(|_| sink.emit(subject(), EventKind::Chosen)))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for number in 0..800 {
        assert_eq!(events.next().await.unwrap().unwrap().sequence, number);
    }
}

#[tokio::test]
async fn slow_and_panicking_listeners_harm_nobody() {
    let sink = EventSink::default();
    let (mut slow, mut good, mut bad) = (sink.subscribe(), sink.subscribe(), sink.subscribe());
    let panicking = tokio::spawn(async move {
        bad.next().await;
        panic!("a listener that panics");
    });
    sink.emit(subject(), EventKind::Chosen);
    assert!(panicking.await.is_err());
    for number in 1..5000 {
        sink.emit(subject(), EventKind::Chosen);
        assert_eq!(good.next().await.unwrap().unwrap().sequence, number - 1);
    }
    let Lagged(missed) = slow.next().await.unwrap().unwrap_err();
    assert_eq!(slow.next().await.unwrap().unwrap().sequence, missed);
}

#[test]
fn event_is_one_json_object() {
    let event = Event {
        sequence: 7,
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_354_577_250),
        subject: Subject::Image {
            engine: "docker".into(),
            image: "busybox".into(),
        },
        kind: EventKind::Pull(PullProgress {
            layers: 3,
            ..PullProgress::default()
        }),
    };
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!(json["at"], "2025-11-28T18:29:37.250000000Z");
    assert_eq!((&json["type"], &json["layers"]), (&"pull".into(), &3.into()));
    assert_eq!(json["subject"]["image"]["image"], "busybox");
    assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
}

/// The ends of an environment that arrive, for these ends from a call or a report.
async fn ends(sent: &[(EventKind, bool)]) -> Vec<EventKind> {
    let sink = EventSink::default();
    let mut events = sink.subscribe();
    let id = EnvironmentId::random();
    for (kind, is_reported) in sent {
        let (name, engine) = ("web".to_owned(), "basic".to_owned());
        let id = id.clone();
        let subject = Subject::Environment { id, name, engine };
        match is_reported {
            true => sink.emit_report(subject, kind.clone()),
            false => sink.emit(subject, kind.clone()),
        }
    }
    drop(sink);
    let mut arrived = Vec::new();
    while let Some(event) = events.next().await {
        arrived.push(event.unwrap().kind);
    }
    arrived
}

#[tokio::test]
async fn end_is_sent_once_whoever_notices_it() {
    use EventKind::{Destroyed, Lost, OutOfMemory};
    let (call, report) = (false, true);
    for (sent, arrive) in [
        (&[(Destroyed, call), (Destroyed, report)][..], &[Destroyed][..]),
        (&[(Destroyed, report), (Destroyed, call)], &[Destroyed]),
        // Another handle of the same environment.
        (&[(Destroyed, call), (Lost, call)], &[Destroyed]),
        (&[(Lost, call), (Lost, call), (Destroyed, report)], &[Lost]),
        (
            &[(Lost, call), (Destroyed, call), (Lost, call)],
            &[Lost, Destroyed],
        ),
        (&[(Destroyed, call), (OutOfMemory, report)], &[Destroyed]),
    ] {
        assert_eq!(ends(sent).await, arrive, "{sent:?}");
    }
}

#[tokio::test]
async fn environment_that_exists_again_ends_again() {
    let sink = EventSink::default();
    let mut events = sink.subscribe();
    let id = EnvironmentId::random();
    for _ in 0..2 {
        sink.exists(&id);
        let (name, engine, id) = ("web".to_owned(), "docker".to_owned(), id.clone());
        sink.emit_report(Subject::Environment { id, name, engine }, EventKind::Destroyed);
    }
    for sequence in 0..2 {
        assert_eq!(events.next().await.unwrap().unwrap().sequence, sequence);
    }
}

#[tokio::test]
async fn step_of_a_build_is_not_in_the_history() {
    let sink = EventSink::default();
    let mut events = sink.subscribe();
    let output = EventKind::BuildOutput {
        text: "Step 1/2".into(),
    };
    sink.emit(subject(), output.clone());
    sink.emit(subject(), EventKind::Chosen);
    assert_eq!(events.next().await.unwrap().unwrap().kind, output);
    let kept: Vec<_> = sink
        .of(&EnvironmentId::random())
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kept, [EventKind::Chosen]);
}
