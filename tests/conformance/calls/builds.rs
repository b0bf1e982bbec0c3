//! Calls that build, and calls on builds.

use std::collections::BTreeMap;

use engine_api::containers::{Isolation, Ulimit};
use engine_api::images::{BuildContext, BuildImage, BuildOutput, Builder, PruneBuildCache};
use engine_api::{Docker, Result};

use super::{auth, filters, two};

pub(super) async fn build(docker: &Docker) -> Result<()> {
    let registries = BTreeMap::from([("registry.example.com".to_owned(), auth())]);
    let remote = || BuildContext::remote("https://example.com/a.git");
    let images = docker.images();
    images.build(remote(), classic(), Some(&registries)).await?;
    let buildkit = BuildImage {
        builder: Builder::BuildKit,
        squash: false, // only the classic builder knows it, and only BuildKit knows outputs
        outputs: vec![BuildOutput {
            kind: "moby".into(),
            attrs: BTreeMap::from([("compression".into(), "zstd".into())]),
        }],
        ..classic()
    };
    images.build(remote(), buildkit, None).await?;
    docker.builds().cancel("b1").await
}

fn classic() -> BuildImage {
    BuildImage {
        tags: two().into(),
        builder: Builder::Classic,
        dockerfile: "Dockerfile".into(),
        target: "last".into(),
        build_args: [("A", "b")].into(),
        labels: BTreeMap::from([("k".into(), "v".into())]),
        platform: Some("linux/arm64".into()),
        pull: true,
        no_cache: true,
        cache_from: two().into(),
        quiet: true,
        keep_containers: true,
        force_remove: true,
        squash: true,
        network_mode: "host".into(),
        extra_hosts: two().into(),
        memory: 1,
        memory_swap: 1,
        cpu_shares: 1,
        cpuset_cpus: "0".into(),
        cpuset_mems: "0".into(),
        cpu_period: 1,
        cpu_quota: 1,
        cgroup_parent: "g".into(),
        shm_size: 1,
        ulimits: vec![Ulimit {
            name: "nofile".into(),
            soft: 1,
            hard: 1,
        }],
        security_opt: two().into(),
        isolation: Some(Isolation::Process),
        outputs: Vec::new(),
        build_id: "b1".into(),
    }
}

pub(super) async fn cache(docker: &Docker) -> Result<()> {
    let prune = PruneBuildCache {
        all: true,
        reserved_space: Some(1),
        max_used_space: Some(1),
        min_free_space: Some(1),
        filters: filters::cache(),
    };
    docker.images().prune_cache(prune).await.map(drop)
}
