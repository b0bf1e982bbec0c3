//! Tests of texts, kinds and the wire form.

use std::io;
use std::path::Path;

use super::*;
use crate::engine::capabilities::Feature;

fn missing() -> MissingFeature {
    MissingFeature {
        feature: Feature::MemoryLimit,
        reason: "no cgroup".into(),
    }
}

fn unsupported() -> Error {
    Error::unsupported("basic", vec![missing()])
        .with_alternatives(vec!["docker".into()])
        .during("create the environment", "web")
}

#[test]
fn unsupported_names_feature_reason_and_alternative() {
    let error = unsupported();
    assert_eq!(
        error.to_string(),
        "cannot create the environment web: engine `basic` does not support: \
         memory limit (no cgroup); supported by: docker"
    );
    assert!(error.is_unsupported());
}

#[test]
fn engine_is_no_alternative_to_itself() {
    let names = vec!["basic".into(), "docker".into()];
    let error = Error::unsupported("basic", vec![missing()]).with_alternatives(names);
    assert_eq!(error.alternatives(), ["docker"]);
}

#[test]
fn source_is_printed_by_debug_only() {
    let missing = io::Error::from(io::ErrorKind::NotFound);
    let error = Error::io("read", Path::new("/x"), missing).during("copy in", "a.txt");
    assert_eq!(error.to_string(), "cannot copy in a.txt: cannot read /x");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        format!("{error:?}"),
        format!("cannot copy in a.txt: cannot read /x\n  caused by: {source}")
    );
}

#[test]
fn first_context_is_kept() {
    let error = Error::invalid("x")
        .during("execute", "ls")
        .during("create", "web");
    assert_eq!(
        (error.operation(), error.subject()),
        (Some("execute"), Some("ls"))
    );
}

#[test]
fn context_without_a_subject_prints_the_operation() {
    let error = Error::invalid("x").during("create the environment", "");
    assert_eq!(error.to_string(), "cannot create the environment: x");
    assert_eq!(error.subject(), None);
}

#[test]
fn skipped_engine_is_named_once() {
    let gone = Error::unavailable("docker", "no daemon", "start it").into_rejected("docker");
    assert_eq!(gone.to_string(), "docker: not available: no daemon; start it");
    let error = Error::from(Cause::NoEngine(vec![gone]));
    assert_eq!(
        error.to_string(),
        "no available engine supports this environment: docker: not available: no daemon; start it"
    );
}

/// The error after it was written as JSON and read again.
fn again(error: &Error) -> Error {
    serde_json::from_str(&serde_json::to_string(error).unwrap()).unwrap()
}

#[test]
fn wire_form_keeps_texts_kind_and_details() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let rejected = Error::unavailable("docker", "no daemon", "start it").into_rejected("docker");
    for error in [
        unsupported(),
        Error::lost().during("execute", "ls"),
        Error::io("read", Path::new("/x"), denied),
        Error::engine_with_kind("docker", ErrorKind::Timeout, unsupported()),
        Cause::NoEngine(vec![rejected]).into(),
        Cause::Cleanup(vec![Error::invalid("x")]).into(),
    ] {
        for read in [again(&error), again(&again(&error))] {
            assert_eq!(format!("{read:?}"), format!("{error:?}"));
            assert_eq!(read.kind(), error.kind());
            assert_eq!(read.operation(), error.operation());
            assert_eq!(read.subject(), error.subject());
            assert_eq!(read.observed_status(), error.observed_status());
            assert_eq!(read.missing(), error.missing());
            assert_eq!(read.alternatives(), error.alternatives());
            assert_eq!(read.rejected(), error.rejected());
        }
    }
}

#[test]
fn several_faults_are_one_error() {
    let faults = |kinds: [Error; 2]| Error::from(Cause::Faults(kinds.into()));
    let error = faults([Error::not_found("no x"), Error::invalid("bad y")]);
    assert_eq!(error.to_string(), "no x; bad y");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        faults([Error::not_found("a"), Error::not_found("b")]).kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn reason_why_an_engine_is_missing_has_its_source() {
    let missing = io::Error::from(io::ErrorKind::NotFound);
    let source = missing.to_string();
    let error = Error::io("read", Path::new("/x"), missing);
    assert_eq!(
        error.why_unavailable(),
        (format!("cannot read /x: {source}"), String::new())
    );
    assert_eq!(
        Error::invalid("x").why_unavailable(),
        ("x".to_owned(), String::new())
    );
    let unavailable = Error::unavailable("basic", "no directory", "set TMPDIR");
    assert_eq!(
        unavailable.why_unavailable(),
        ("no directory".to_owned(), "set TMPDIR".to_owned())
    );
}

#[test]
fn illegal_transition_is_a_wrong_status() {
    let step = crate::IllegalTransition {
        from: Status::Destroyed,
        to: Status::Running,
    };
    let error = Error::from(step).during("start the environment", "web");
    assert_eq!(error.kind(), ErrorKind::WrongStatus);
    assert_eq!(
        error.to_string(),
        "cannot start the environment web: \
         the status of the environment cannot change from destroyed to running"
    );
}

#[test]
fn directory_in_memory_cannot_be_moved() {
    let error = Error::in_memory("/run/data", "/run");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error
            .to_string()
            .starts_with("the files at /run/data are in memory (/run)"),
        "{error}"
    );
}

#[test]
fn reason_for_an_engine_that_is_skipped_has_no_name() {
    let reason = |error: Error| error.0.cause.skip_reason();
    let unavailable = Error::unavailable("docker", "no daemon", "start it");
    assert_eq!(reason(unavailable), "not available: no daemon; start it");
    assert_eq!(
        reason(Error::invalid("the image has no name")),
        "the image has no name"
    );
}
