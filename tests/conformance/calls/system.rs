//! Calls on volumes, networks, plugins and the engine itself.

use engine_api::common::Timestamp;
use engine_api::networks::{InspectNetwork, ListNetworks, NetworkOrigin, NetworkScope, PruneNetworks};
use engine_api::plugins::{
    DisablePlugin, EnablePlugin, InstallPlugin, ListPlugins, PluginPrivilege, RemovePlugin, UpgradePlugin,
};
use engine_api::swarm::ObjectVersion;
use engine_api::system::{DataUsage, ListenEvents, UsageType};
use engine_api::volumes::{ListVolumes, PruneVolumes, RemoveVolume, UpdateVolume};
use engine_api::{Docker, Result};

use super::{auth, filters, full, two};

pub(super) async fn volumes(docker: &Docker) -> Result<()> {
    let volumes = docker.volumes();
    let list = ListVolumes {
        dangling: Some(true),
        driver: two(),
        label: two(),
        name: two(),
    };
    volumes.list(list).await?;
    let update = UpdateVolume {
        version: ObjectVersion { index: 7 },
        ..full("VolumeUpdate.body")
    };
    volumes.update("data", update).await?;
    volumes.remove("data", RemoveVolume { force: true }).await?;
    let prune = PruneVolumes {
        all: true,
        label: two(),
        label_not: two(),
    };
    volumes.prune(prune).await.map(drop)
}

pub(super) async fn networks(docker: &Docker) -> Result<()> {
    let networks = docker.networks();
    let list = ListNetworks {
        dangling: Some(true),
        driver: two(),
        id: two(),
        label: two(),
        name: two(),
        scope: vec![NetworkScope::Local],
        origin: NetworkOrigin::Custom,
    };
    networks.list(list).await?;
    let inspect = InspectNetwork {
        verbose: true,
        scope: NetworkScope::Swarm,
    };
    networks.inspect("net", inspect).await?;
    let prune = PruneNetworks {
        until: "1h".into(),
        label: two(),
        label_not: two(),
    };
    networks.prune(prune).await.map(drop)
}

pub(super) async fn engine(docker: &Docker) -> Result<()> {
    let system = docker.system();
    let listen = ListenEvents {
        since: Some(Timestamp::new(1, 0)),
        until: Some(Timestamp::new(2, 0)),
        filters: filters::events(),
    };
    system.events(listen).await?;
    let usage = DataUsage {
        types: vec![UsageType::Container, UsageType::Image],
        verbose: true,
    };
    system.df(usage).await?;
    system.auth(&auth()).await.map(drop)
}

pub(super) async fn plugins(docker: &Docker) -> Result<()> {
    let (plugins, auth) = (docker.plugins(), auth());
    let list = ListPlugins {
        capability: two(),
        enabled: Some(true),
    };
    plugins.list(list).await?;
    plugins.privileges("a/b", Some(&auth)).await?;
    let privileges: Vec<PluginPrivilege> = full("[PluginPrivilege]");
    let install = InstallPlugin {
        name: "c".into(),
        privileges: privileges.clone(),
    };
    plugins.install("a/b", install, Some(&auth)).await?;
    let upgrade = UpgradePlugin { privileges };
    plugins.upgrade("c", "a/b", upgrade, Some(&auth)).await?;
    plugins.enable("c", EnablePlugin { timeout: 1 }).await?;
    plugins.disable("c", DisablePlugin { force: true }).await?;
    plugins.remove("c", RemovePlugin { force: true }).await?;
    plugins.create("d", "").await?;
    plugins.push("d", Some(&auth)).await.map(drop)
}
