//! Secrets appear in no error message and in no `Debug` output.

use std::error::Error as _;

use engine_api::auth::RegistryAuth;
use engine_api::containers::CreateContainer;
use engine_api::exec::CreateExec;
use engine_api::images::{BuildContext, BuildImage};
use engine_api::secrets::SecretSpec;
use engine_api::swarm::{JoinSwarm, UnlockKey};
use engine_api::{Docker, ErrorKind};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{JSON, ScriptedEngine, ok, open, reply};

use crate::support::{fails, faulty_client, healthy};

const CANARY: &str = "hunter2-canary";

#[track_caller]
fn is_clean(text: &str) {
    assert!(!text.contains(CANARY), "{text}");
}

/// The `Display` and `Debug` texts of an error and of all its causes.
#[track_caller]
fn error_is_clean(error: &engine_api::Error) {
    is_clean(&format!("{error:?} {error:#?} {error}"));
    let mut next = error.source();
    while let Some(error) = next {
        is_clean(&format!("{error:?} {error}"));
        next = error.source();
    }
}

#[tokio::test(start_paused = true)]
async fn raw_call_debug_hides_headers_body_and_query() {
    let docker = healthy().client();
    let path = format!("/build?buildargs={CANARY}");
    let call = docker
        .raw("POST", &path)
        .header("X-Registry-Auth", CANARY)
        .json(CANARY);
    is_clean(&format!("{call:?} {call:#?}"));
}

#[tokio::test(start_paused = true)]
async fn failed_raw_call_hides_its_query_and_headers() {
    let docker = ScriptedEngine::new(|_peer| async { Ok(()) }).client();
    let path = format!("/build?buildargs={CANARY}");
    error_is_clean(&fails(
        docker.raw("POST", &path).send().await,
        ErrorKind::Disconnected,
    ));
    let call = docker
        .raw("POST", "/x")
        .header("X-Registry-Auth", "hunter2-canary\n");
    error_is_clean(&fails(call.send().await, ErrorKind::InvalidInput));
}

#[tokio::test(start_paused = true)]
async fn client_debug_shows_no_secret_and_no_state() {
    let docker = healthy().client();
    docker.system().ping().await.unwrap();
    assert_eq!(
        format!("{docker:?}"),
        r#"Docker { address: "test://fake", version: Some("1.51"), .. }"#
    );
}

#[test]
fn credentials_and_variables_show_no_value() {
    let secret = || CANARY.to_owned();
    let auth = RegistryAuth {
        identity_token: secret(),
        registry_token: secret(),
        auth: secret(),
        ..RegistryAuth::user("alice", CANARY)
    };
    is_clean(&format!("{auth:?} {auth:#?} {auth}"));
    let container = CreateContainer {
        image: "x".into(),
        env: [format!("TOKEN={CANARY}")].into(),
        ..Default::default()
    };
    let exec = CreateExec {
        env: [format!("TOKEN={CANARY}")].into(),
        ..Default::default()
    };
    is_clean(&format!("{container:?} {container:#?} {exec:?} {exec:#?}"));
}

fn secret() -> SecretSpec {
    SecretSpec {
        name: "x".into(),
        data: CANARY.into(),
        ..Default::default()
    }
}

fn join() -> JoinSwarm {
    JoinSwarm {
        remote_addrs: vec!["manager:2377".into()],
        join_token: CANARY.into(),
        ..Default::default()
    }
}

fn key() -> UnlockKey {
    UnlockKey {
        unlock_key: CANARY.into(),
    }
}

#[test]
fn swarm_secrets_are_not_shown() {
    let (secret, join, key) = (secret(), join(), key());
    is_clean(&format!(
        "{secret:?} {secret:#?} {join:?} {join:#?} {key:?} {key:#?}"
    ));
}

/// The errors of calls that contain secrets and fail.
async fn errors(docker: &Docker) -> Vec<engine_api::Error> {
    let auth = RegistryAuth::user("alice", CANARY);
    let container = CreateContainer {
        image: "x".into(),
        env: [format!("TOKEN={CANARY}")].into(),
        ..Default::default()
    };
    let mut errors = Vec::new();
    errors.extend(docker.system().auth(&auth).await.err());
    errors.extend(docker.containers().create(container).await.err());
    errors.extend(docker.secrets().create(secret()).await.err());
    errors.extend(docker.swarm().join(join()).await.err());
    errors.extend(docker.swarm().unlock(key()).await.err());
    match docker.images().pull("x", Default::default(), Some(&auth)).await {
        Ok(pull) => errors.extend(pull.last().await.err()),
        Err(error) => errors.push(error),
    }
    let options = BuildImage {
        build_args: [("TOKEN", CANARY)].into(),
        ..Default::default()
    };
    let registries = [("reg:5000".to_owned(), auth)].into();
    let context = BuildContext::dockerfile("FROM x");
    match docker.images().build(context, options, Some(&registries)).await {
        Ok(build) => errors.extend(build.built().await.err()),
        Err(error) => errors.push(error),
    }
    errors
}

#[tokio::test(start_paused = true)]
async fn no_reply_makes_an_error_show_a_secret() {
    let engines = [
        ScriptedEngine::new(|_peer| async { Ok(()) }),
        ScriptedEngine::once(reply(500, &[], "<html>oops</html>")),
        ScriptedEngine::once(reply(200, &[JSON], "[7]")),
        ScriptedEngine::cut([&open(&[JSON])[..], b"{\"Id\":"].concat()),
        ScriptedEngine::once("SSH-2.0"),
    ];
    for engine in engines {
        let found = errors(&engine.client()).await;
        assert!(found.len() >= 4, "{found:?}"); // a call without a reply body may succeed
        found.iter().for_each(error_is_clean);
    }
    let stalled = faulty_client(&ScriptedEngine::once(ok("{}")), Fault::StallAt(5));
    let limits = engine_api::Timeouts {
        total: Some(std::time::Duration::from_secs(1)),
        ..Default::default()
    };
    errors(&stalled.with_timeouts(limits))
        .await
        .iter()
        .for_each(error_is_clean);
}

#[tokio::test(start_paused = true)]
async fn decoding_error_shows_no_secret_value() {
    let replies = [
        format!(r#"{{"Config":{{"Env":"TOKEN={CANARY}"}}}}"#),
        format!(r#"{{"Config":{{"Env":["A=b",{{"TOKEN":"{CANARY}"}}]}}}}"#),
        format!(r#"{{"Config":{{"Env":["TOKEN={CANARY}",7]}}}}"#),
        format!(r#"{{"Config":{{"Labels":{{"password":["{CANARY}"]}}}}}}"#),
        format!(r#"{{"Config":{{"Cmd":"--password={CANARY}","Tty":"{CANARY}"}}}}"#),
        format!(r#"{{"Config":{{"Env":["TOKEN={CANARY}"#),
        format!(r#"{{"Args":{{"--password":"{CANARY}"}}}}"#),
        format!(r#"{{"Args":"{CANARY}"}}"#),
        format!(r#"{{"Config":{{"Entrypoint":{{"x":"{CANARY}"}}}}}}"#),
        format!(r#"{{"HostConfig":{{"LogConfig":{{"Config":{{"url":["{CANARY}"]}}}}}}}}"#),
        format!(
            r#"{{"HostConfig":{{"Mounts":[{{"VolumeOptions":{{"DriverConfig":{{"Options":{{"o":["{CANARY}"]}}}}}}}}]}}}}"#
        ),
    ];
    for text in replies {
        let docker = ScriptedEngine::once(ok(&text)).client();
        let outcome = docker.containers().inspect("web", Default::default()).await;
        match outcome {
            Ok(container) => is_clean(&format!("{container:?}")),
            Err(error) => error_is_clean(&error),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn partial_output_is_not_shown() {
    let cut = [
        &open(&[fake_engine::scripted::MULTIPLEXED])[..],
        &[1, 0, 0, 0, 0, 0, 1, 0],
        CANARY.as_bytes(),
    ]
    .concat();
    let docker = ScriptedEngine::cut(cut).client();
    let output = docker.containers().logs("web", Default::default()).await.unwrap();
    error_is_clean(&fails(output.collect().await, ErrorKind::Truncated));
}

#[tokio::test(start_paused = true)]
async fn credentials_are_sent_only_if_given() {
    let auth = RegistryAuth::user("alice", "b");
    for (auth, sent) in [(Some(&auth), true), (None, false)] {
        let fake = ScriptedEngine::answering(|_| ok(""));
        let docker = fake.client();
        drop(docker.images().pull("x", Default::default(), auth).await.unwrap());
        assert_eq!(fake.received()[0].header("x-registry-auth").is_some(), sent);
    }
}
