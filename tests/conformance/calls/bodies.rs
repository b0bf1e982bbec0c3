//! Calls with a body that is given as JSON.

use engine_api::images::CommitImage;
use engine_api::{Docker, Result, from_json};
use serde_json::{Value, json};

use super::version_gates::Calling;

/// The operation, the smallest valid body, the call.
pub(crate) type Row = (&'static str, fn() -> Value, fn(&Docker, Vec<u8>) -> Calling<'_>);

/// Every operation whose body has gained or lost a field since the oldest version.
pub(crate) const BODIES: [Row; 11] = [
    (
        "ContainerCreate",
        || json!({ "Image": "busybox" }),
        |docker, body| Box::pin(async move { docker.containers().create(from_json(&body)?).await.map(drop) }),
    ),
    (
        "ContainerExec",
        || json!({ "Cmd": ["true"] }),
        |docker, body| {
            Box::pin(async move { docker.execs().create("web", from_json(&body)?).await.map(drop) })
        },
    ),
    (
        "ContainerUpdate",
        || json!({}),
        |docker, body| {
            Box::pin(async move {
                docker
                    .containers()
                    .update("web", from_json(&body)?)
                    .await
                    .map(drop)
            })
        },
    ),
    (
        "ExecStart",
        || json!({}),
        |docker, body| Box::pin(async move { docker.execs().start("e1", from_json(&body)?).await.map(drop) }),
    ),
    (
        "ImageCommit",
        || json!({}),
        |docker, body| Box::pin(commit(docker, body)),
    ),
    (
        "NetworkConnect",
        || json!({ "Container": "web" }),
        |docker, body| Box::pin(async move { docker.networks().connect("net", from_json(&body)?).await }),
    ),
    (
        "NetworkCreate",
        || json!({ "Name": "net" }),
        |docker, body| Box::pin(async move { docker.networks().create(from_json(&body)?).await.map(drop) }),
    ),
    ("ServiceCreate", service, |docker, body| {
        Box::pin(async move { docker.services().create(from_json(&body)?, None).await.map(drop) })
    }),
    ("ServiceUpdate", service, |docker, body| {
        Box::pin(update(docker, body))
    }),
    (
        "SystemAuth",
        || json!({}),
        |docker, body| Box::pin(async move { docker.system().auth(&from_json(&body)?).await.map(drop) }),
    ),
    (
        "VolumeCreate",
        || json!({}),
        |docker, body| Box::pin(async move { docker.volumes().create(from_json(&body)?).await.map(drop) }),
    ),
];

fn service() -> Value {
    json!({ "TaskTemplate": { "ContainerSpec": { "Image": "busybox" } } })
}

async fn update(docker: &Docker, body: Vec<u8>) -> Result<()> {
    let (spec, version, options) = (from_json(&body)?, Default::default(), Default::default());
    docker
        .services()
        .update("web", version, spec, options, None)
        .await
        .map(drop)
}

async fn commit(docker: &Docker, body: Vec<u8>) -> Result<()> {
    let config = Some(from_json(&body)?);
    let commit = CommitImage {
        config,
        ..Default::default()
    };
    docker.images().commit("web", commit).await.map(drop)
}
