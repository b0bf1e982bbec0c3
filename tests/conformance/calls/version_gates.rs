//! Calls that set one parameter which the oldest version does not have.

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

/// Calls of containers and of the engine, each with one parameter.
pub(crate) const OTHERS: [Row; 9] = [
    ("ContainerStop", "signal", |docker| {
        let (signal, timeout) = ("SIGINT".into(), None);
        Box::pin(async move {
            docker
                .containers()
                .stop("web", StopContainer { signal, timeout })
                .await
                .map(drop)
        })
    }),
    ("ContainerRestart", "signal", |docker| {
        let (signal, timeout) = ("SIGINT".into(), None);
        Box::pin(async move {
            docker
                .containers()
                .restart("web", RestartContainer { signal, timeout })
                .await
        })
    }),
    ("SystemDataUsage", "type", |docker| {
        let (types, verbose) = (vec![UsageType::Volume], false);
        Box::pin(async move { docker.system().df(DataUsage { types, verbose }).await.map(drop) })
    }),
    ("SystemDataUsage", "verbose", |docker| {
        let (types, verbose) = (Vec::new(), true);
        Box::pin(async move { docker.system().df(DataUsage { types, verbose }).await.map(drop) })
    }),
    ("VolumeUpdate", "version", |docker| {
        Box::pin(async { docker.volumes().update("data", UpdateVolume::default()).await })
    }),
    ("ImageAttestations", "platform", |docker| {
        let platform = Some(platform("arm64"));
        attestations(
            docker,
            ListAttestations {
                platform,
                ..Default::default()
            },
        )
    }),
    ("ImageAttestations", "type", |docker| {
        attestations(
            docker,
            ListAttestations {
                types: two(),
                ..Default::default()
            },
        )
    }),
    ("ImageAttestations", "statement", |docker| {
        attestations(
            docker,
            ListAttestations {
                statement: true,
                ..Default::default()
            },
        )
    }),
    ("ImagePush", "platform", |docker| {
        let (platform, all_tags) = (Some(platform("arm64")), false);
        Box::pin(async move {
            docker
                .images()
                .push("a", PushImage { platform, all_tags }, None)
                .await
                .map(drop)
        })
    }),
];

fn attestations(docker: &Docker, options: ListAttestations) -> Calling<'_> {
    Box::pin(async { docker.images().attestations("a", options).await.map(drop) })
}

/// Calls of images, each with one parameter.
pub(crate) const IMAGES: [Row; 13] = [
    ("ImageList", "identity", |docker| {
        list(
            docker,
            ListImages {
                identity: true,
                manifests: true,
                ..Default::default()
            },
        )
    }),
    ("ImageList", "manifests", |docker| {
        list(
            docker,
            ListImages {
                manifests: true,
                ..Default::default()
            },
        )
    }),
    ("ImageList", "shared-size", |docker| {
        list(
            docker,
            ListImages {
                shared_size: true,
                ..Default::default()
            },
        )
    }),
    ("ImageInspect", "manifests", |docker| {
        let (manifests, platform) = (true, None);
        Box::pin(async move {
            docker
                .images()
                .inspect("a", InspectImage { manifests, platform })
                .await
                .map(drop)
        })
    }),
    ("ImageInspect", "platform", |docker| {
        let (manifests, platform) = (false, Some(platform("arm64")));
        Box::pin(async move {
            docker
                .images()
                .inspect("a", InspectImage { manifests, platform })
                .await
                .map(drop)
        })
    }),
    ("ImageHistory", "platform", |docker| {
        let platform = Some(platform("arm64"));
        Box::pin(async move {
            docker
                .images()
                .history("a", ListHistory { platform })
                .await
                .map(drop)
        })
    }),
    ("ImageDelete", "platforms", |docker| {
        let (force, noprune, platforms) = (false, false, platforms());
        let options = RemoveImage {
            force,
            noprune,
            platforms,
        };
        Box::pin(async { docker.images().remove("a", options).await.map(drop) })
    }),
    ("ImageGet", "platform", |docker| {
        let platforms = platforms();
        Box::pin(async move {
            docker
                .images()
                .save("a", SaveImages { platforms })
                .await
                .map(drop)
        })
    }),
    ("ImageGetAll", "platform", |docker| {
        let platforms = platforms();
        Box::pin(async move {
            docker
                .images()
                .save_all(&["a"], SaveImages { platforms })
                .await
                .map(drop)
        })
    }),
    ("ImageLoad", "platform", |docker| {
        let (quiet, platforms) = (None, platforms());
        Box::pin(async move {
            docker
                .images()
                .load("", LoadImages { quiet, platforms })
                .await
                .map(drop)
        })
    }),
    ("BuildPrune", "reserved-space", |docker| {
        prune(
            docker,
            PruneBuildCache {
                reserved_space: Some(1),
                ..Default::default()
            },
        )
    }),
    ("BuildPrune", "max-used-space", |docker| {
        prune(
            docker,
            PruneBuildCache {
                max_used_space: Some(1),
                ..Default::default()
            },
        )
    }),
    ("BuildPrune", "min-free-space", |docker| {
        prune(
            docker,
            PruneBuildCache {
                min_free_space: Some(1),
                ..Default::default()
            },
        )
    }),
];

fn list(docker: &Docker, options: ListImages) -> Calling<'_> {
    Box::pin(async { docker.images().list(options).await.map(drop) })
}

fn prune(docker: &Docker, options: PruneBuildCache) -> Calling<'_> {
    Box::pin(async { docker.images().prune_cache(options).await.map(drop) })
}
