//! Calls that set one parameter which the oldest version does not know.

use std::pin::Pin;

use engine_api::containers::{RestartContainer, StopContainer};
use engine_api::images::{
    InspectImage, ListAttestations, ListHistory, ListImages, LoadImages, PruneBuildCache, PushImage,
    RemoveImage, SaveImages,
};
use engine_api::system::{DataUsage, UsageType};
use engine_api::volumes::UpdateVolume;
use engine_api::{Docker, Result};

use super::{platform, platforms, two};

/// A call under way.
pub(crate) type Calling<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The operation, the parameter, the call.
type Row = (&'static str, &'static str, fn(&Docker) -> Calling<'_>);

/// A row of the table. The fields of `options` that are not named have their default.
macro_rules! row {
    ($operation:literal, $parameter:literal, $options:ident { $($fields:tt)* }, |$docker:ident, $o:ident| $call:expr) => {
        ($operation, $parameter, |$docker| {
            Box::pin(async move {
                #[allow(clippy::needless_update)] // for some options the row names every field
                let $o = $options { $($fields)*, ..Default::default() };
                $call.await.map(drop)
            })
        })
    };
}

/// One call for each parameter that a version after the oldest has added.
pub(crate) const GATED: [Row; 22] = [
    row!(
        "ContainerStop",
        "signal",
        StopContainer {
            signal: "SIGINT".into()
        },
        |docker, o| docker.containers().stop("web", o)
    ),
    row!(
        "ContainerRestart",
        "signal",
        RestartContainer {
            signal: "SIGINT".into()
        },
        |docker, o| docker.containers().restart("web", o)
    ),
    row!(
        "SystemDataUsage",
        "type",
        DataUsage {
            types: vec![UsageType::Volume]
        },
        |docker, o| docker.system().df(o)
    ),
    row!(
        "SystemDataUsage",
        "verbose",
        DataUsage { verbose: true },
        |docker, o| docker.system().df(o)
    ),
    row!(
        "VolumeUpdate",
        "version",
        UpdateVolume {
            version: Default::default()
        },
        |docker, o| docker.volumes().update("data", o)
    ),
    row!(
        "ImageAttestations",
        "platform",
        ListAttestations {
            platform: Some(platform("arm64"))
        },
        |docker, o| docker.images().attestations("a", o)
    ),
    row!(
        "ImageAttestations",
        "type",
        ListAttestations { types: two().into() },
        |docker, o| docker.images().attestations("a", o)
    ),
    row!(
        "ImageAttestations",
        "statement",
        ListAttestations { statement: true },
        |docker, o| docker.images().attestations("a", o)
    ),
    row!(
        "ImagePush",
        "platform",
        PushImage {
            platform: Some(platform("arm64"))
        },
        |docker, o| docker.images().push("a", o, None)
    ),
    row!(
        "ImageList",
        "identity",
        ListImages {
            identity: true,
            manifests: true
        },
        |docker, o| docker.images().list(o)
    ),
    row!(
        "ImageList",
        "manifests",
        ListImages { manifests: true },
        |docker, o| docker.images().list(o)
    ),
    row!(
        "ImageList",
        "shared-size",
        ListImages { shared_size: true },
        |docker, o| docker.images().list(o)
    ),
    row!(
        "ImageInspect",
        "manifests",
        InspectImage { manifests: true },
        |docker, o| docker.images().inspect("a", o)
    ),
    row!(
        "ImageInspect",
        "platform",
        InspectImage {
            platform: Some(platform("arm64"))
        },
        |docker, o| docker.images().inspect("a", o)
    ),
    row!(
        "ImageHistory",
        "platform",
        ListHistory {
            platform: Some(platform("arm64"))
        },
        |docker, o| docker.images().history("a", o)
    ),
    row!(
        "ImageDelete",
        "platforms",
        RemoveImage {
            platforms: platforms()
        },
        |docker, o| docker.images().remove("a", o)
    ),
    row!(
        "ImageGet",
        "platform",
        SaveImages {
            platforms: platforms()
        },
        |docker, o| docker.images().save("a", o)
    ),
    row!(
        "ImageGetAll",
        "platform",
        SaveImages {
            platforms: platforms()
        },
        |docker, o| docker.images().save_all(&["a"], o)
    ),
    row!(
        "ImageLoad",
        "platform",
        LoadImages {
            platforms: platforms()
        },
        |docker, o| docker.images().load("", o)
    ),
    row!(
        "BuildPrune",
        "reserved-space",
        PruneBuildCache {
            reserved_space: Some(1)
        },
        |docker, o| docker.images().prune_cache(o)
    ),
    row!(
        "BuildPrune",
        "max-used-space",
        PruneBuildCache {
            max_used_space: Some(1)
        },
        |docker, o| docker.images().prune_cache(o)
    ),
    row!(
        "BuildPrune",
        "min-free-space",
        PruneBuildCache {
            min_free_space: Some(1)
        },
        |docker, o| docker.images().prune_cache(o)
    ),
];
