//! An update of an object that has changed meanwhile is repeated on the new state, a limited number
//! of times.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use engine_api::ErrorKind;
use engine_api::services::{ServiceMode, UpdateService};
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply};

use crate::support::fails;

/// An engine whose service has changed before each of the first `conflicts` updates.
fn contended(conflicts: usize) -> ScriptedEngine {
    let left = AtomicUsize::new(conflicts);
    ScriptedEngine::answering(move |request| {
        if request.method == "GET" {
            return ok(
                r#"{"ID":"s","Version":{"Index":7},"Spec":{"TaskTemplate":{"ContainerSpec":{"Image":"a"}}}}"#,
            );
        }
        let used_up = left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_err();
        if used_up {
            return ok(r#"{"Warnings":null}"#);
        }
        let message = r#"{"message":"rpc error: code = Unknown desc = update out of sequence"}"#;
        reply(500, &[JSON], message)
    })
}

#[tokio::test(start_paused = true)]
async fn edit_is_repeated_after_a_version_conflict() {
    let fake = contended(2);
    let mut changed = 0;
    let edit = fake
        .client()
        .services()
        .edit("web", UpdateService::default(), None, |spec| {
            changed += 1;
            assert_ne!(
                spec.mode,
                ServiceMode::replicated(3),
                "each time from what the engine has"
            );
            spec.mode = ServiceMode::replicated(3);
        })
        .await;
    edit.unwrap();
    assert_eq!((changed, fake.requests().len()), (3, 6));
    assert_eq!(
        fake.requests()[..2],
        [
            "GET /v1.51/services/web",
            "POST /v1.51/services/web/update?version=7"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn edit_gives_up_after_five_more_attempts() {
    let fake = contended(usize::MAX);
    let edit = fake
        .client()
        .services()
        .edit("web", UpdateService::default(), None, |_| {})
        .await;
    let error = fails(edit, ErrorKind::Api);
    assert!(error.is_version_conflict(), "{error}");
    assert_eq!(fake.requests().len(), 12);
}
