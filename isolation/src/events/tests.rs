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
