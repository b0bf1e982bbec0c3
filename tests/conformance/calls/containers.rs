//! Calls on containers and their execs.

use engine_api::common::Timestamp;
use engine_api::containers::{
    AttachContainer, CreateContainer, InspectContainer, KillContainer, ListContainers, PruneContainers,
    ReadLogs, ReadStats, RemoveContainer, RestartContainer, StartContainer, StopContainer, TerminalSize,
    TopContainer, UploadArchive, WaitCondition,
};
use engine_api::{Docker, Result};

use super::{filters, two};

const SIZE: TerminalSize = TerminalSize {
    height: 24,
    width: 80,
};

pub(super) async fn life(docker: &Docker) -> Result<()> {
    let containers = docker.containers();
    let create = CreateContainer {
        name: Some("web".into()),
        platform: Some("linux/arm64".into()),
        image: "busybox".into(),
        ..Default::default()
    };
    containers.create(create).await?;
    let start = StartContainer {
        detach_keys: "ctrl-q".into(),
        checkpoint: "before".into(),
        checkpoint_dir: "/tmp".into(),
    };
    containers.start("web", start).await?;
    let stop = StopContainer {
        signal: "SIGINT".into(),
        timeout: Some(1),
    };
    containers.stop("web", stop).await?;
    let restart = RestartContainer {
        signal: "SIGINT".into(),
        timeout: Some(1),
    };
    containers.restart("web", restart).await?;
    let kill = KillContainer {
        signal: "SIGINT".into(),
    };
    containers.kill("web", kill).await?;
    containers.rename("web", "web2").await?;
    containers.wait("web", WaitCondition::Removed).await?;
    let remove = RemoveContainer {
        volumes: true,
        force: true,
        link: true,
    };
    containers.remove("web", remove).await?;
    let prune = PruneContainers {
        until: "1h".into(),
        label: two(),
        label_not: two(),
    };
    containers.prune(prune).await.map(drop)
}

pub(super) async fn look(docker: &Docker) -> Result<()> {
    let containers = docker.containers();
    let list = ListContainers {
        all: true,
        limit: Some(1),
        size: true,
        filters: filters::containers(),
    };
    containers.list(list).await?;
    containers.inspect("web", InspectContainer { size: true }).await?;
    let ps_args = "aux".into();
    containers.top("web", TopContainer { ps_args }).await?;
    let stats = ReadStats {
        stream: false,
        one_shot: true,
    };
    containers.stats("web", stats).await.map(drop)
}

pub(super) async fn output(docker: &Docker) -> Result<()> {
    let containers = docker.containers();
    let logs = ReadLogs {
        follow: true,
        stdout: true,
        stderr: true,
        since: Some(Timestamp::new(1, 0)),
        until: Some(Timestamp::new(2, 0)),
        timestamps: true,
        tail: Some(1),
        details: true,
    };
    containers.logs("web", logs).await?;
    let attach = AttachContainer {
        detach_keys: "ctrl-q".into(),
        logs: true,
        stream: true,
        stdin: true,
        stdout: true,
        stderr: true,
    };
    containers.attach("web", attach).await?;
    containers.resize("web", SIZE).await?;
    docker.execs().resize("e1", SIZE).await
}

pub(super) async fn files(docker: &Docker) -> Result<()> {
    let containers = docker.containers();
    containers.stat("web", "/etc").await?;
    containers.download("web", "/etc").await?;
    let put = UploadArchive {
        no_overwrite_dir_non_dir: true,
        copy_uid_gid: true,
    };
    containers.upload("web", "/etc", "", put).await
}
