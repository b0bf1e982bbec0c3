//! Plugins.

use std::time::{Duration, SystemTime};

use engine_api::plugins::{
    DisablePlugin, EnablePlugin, InstallPlugin, ListPlugins, Plugins, RemovePlugin, UpgradePlugin,
};
use engine_api::volumes::{CreateVolume, RemoveVolume};
use engine_api::{Docker, Result, archive};

use super::{Scratch, allow};

/// The configuration of a plugin without a program.
const CONFIG: &str = r#"{
    "description": "does nothing",
    "entrypoint": ["/nothing"],
    "interface": { "types": ["docker.volumedriver/1.0"], "socket": "nothing.sock" },
    "network": { "type": "host" },
    "env": [{ "name": "DEBUG", "description": "says more", "settable": ["value"], "value": "0" }],
    "mounts": [{
        "name": "data", "settable": ["source"], "source": "/tmp", "destination": "/data", "type": "bind",
        "options": ["rbind"]
    }],
    "linux": { "capabilities": ["CAP_SYS_ADMIN"] }
}"#;

/// The configuration of a volume driver; see `volume_plugin.s`.
const VOLUME_DRIVER: &str = r#"{
    "description": "has one volume",
    "entrypoint": ["/program"],
    "interface": { "types": ["docker.volumedriver/1.0"], "socket": "ptest.sock" },
    "network": { "type": "none" },
    "env": [{ "name": "DEBUG", "description": "ignored", "settable": ["value"], "value": "0" }],
    "linux": {}
}"#;

/// A directory with the files of a plugin: its configuration, and a program or an empty file.
/// Engines reject a second plugin with the same layer.
fn files(name: &str, config: &str, program: &[u8]) -> std::io::Result<Scratch> {
    let directory = Scratch::new("plugin");
    std::fs::create_dir_all(directory.path().join("rootfs/empty"))?;
    std::fs::write(directory.path().join("config.json"), config)?;
    std::fs::write(directory.path().join("rootfs/name"), name)?;
    let mut paths = vec!["rootfs/name", "rootfs/empty", "rootfs", "config.json", "."];
    if !program.is_empty() {
        let path = directory.path().join("rootfs/program");
        std::fs::write(&path, program)?;
        allow(&path, 0o755);
        paths.insert(0, "rootfs/program");
    }
    // The replies contain digests of the archive, which must be the same in every run.
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for path in paths {
        std::fs::File::open(directory.path().join(path))?.set_modified(then)?;
    }
    Ok(directory)
}

/// Creates a plugin. Returns `false` if the engine does not support plugins, as Podman.
async fn create(plugins: Plugins<'_>, name: &str, config: &str, program: &[u8]) -> Result<bool> {
    // A failed run may have left the plugin.
    let left = plugins.remove(name, RemovePlugin { force: true }).await;
    match left {
        Err(error) if error.is_unknown_route() => return Ok(false),
        Err(error) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    let directory = files(name, config, program).unwrap();
    let created = plugins.create(name, archive::pack(directory.path(), ".")?).await;
    created.map(|()| true)
}

/// Creates a plugin from an archive, lists and configures it, fails to start it, and removes it.
pub async fn store(docker: Docker) -> Result<()> {
    let plugins = docker.plugins();
    let name = "ptest/stored:1";
    if !create(plugins, name, CONFIG, &[]).await? {
        return Ok(());
    }
    let disabled = ListPlugins {
        enabled: Some(false),
        capability: ["volumedriver"].into(),
    };
    let listed = plugins.list(disabled).await?;
    assert!(listed.iter().any(|plugin| plugin.name == name), "{listed:?}");

    plugins.set(name, &["DEBUG=1", "data.source=/var/tmp"]).await?;
    let plugin = plugins.inspect(name).await?;
    assert_eq!(*plugin.settings.env, ["DEBUG=1"]);
    assert_eq!(plugin.settings.mounts[0].source.as_deref(), Some("/var/tmp"));
    assert_eq!(plugin.config.env[0].value.as_deref(), Some("0"));
    assert_eq!(plugin.config.interface.types, ["docker.volumedriver/1.0"]);
    assert_eq!(plugin.config.network.kind, "host");
    assert!(!plugin.enabled);

    // The plugin contains no program.
    let error = plugins
        .enable(name, EnablePlugin { timeout: 5 })
        .await
        .unwrap_err();
    assert!(
        error.message().is_some_and(|text| text.contains("/nothing")),
        "{error}"
    );
    assert!(
        plugins
            .disable(name, Default::default())
            .await
            .unwrap_err()
            .is_conflict()
    );
    plugins.remove(name, Default::default()).await?;
    assert!(plugins.inspect(name).await.unwrap_err().is_not_found());
    Ok(())
}

/// Enables a volume driver, uses it for a volume, disables and configures it, and removes it.
///
/// Its program is for x86-64.
pub async fn volume_driver(docker: Docker) -> Result<()> {
    let (plugins, volumes) = (docker.plugins(), docker.volumes());
    let name = "ptest/driver:1";
    let program = include_bytes!("volume_plugin");
    if !create(plugins, name, VOLUME_DRIVER, program).await? {
        return Ok(());
    }
    let enable = EnablePlugin { timeout: 30 };
    plugins.enable(name, enable).await?;
    assert!(plugins.inspect(name).await?.enabled);
    let enabled = ListPlugins {
        enabled: Some(true),
        ..Default::default()
    };
    let listed = plugins.list(enabled).await?;
    assert!(listed.iter().any(|plugin| plugin.name == name), "{listed:?}");
    let set = plugins.set(name, &["DEBUG=1"]).await.unwrap_err();
    assert_eq!(set.status(), Some(500), "{set}");
    for error in [
        plugins.enable(name, enable).await.unwrap_err(),
        plugins.remove(name, Default::default()).await.unwrap_err(),
    ] {
        assert!(error.is_conflict(), "{error}");
    }

    let volume = CreateVolume {
        name: "ptest_plugged".into(),
        driver: name.into(),
        ..Default::default()
    };
    assert_eq!(volumes.create(volume).await?.driver, name);
    assert_eq!(volumes.inspect("ptest_plugged").await?.mountpoint, "/");
    volumes.remove("ptest_plugged", RemoveVolume::default()).await?;

    plugins.disable(name, Default::default()).await?;
    plugins.set(name, &["DEBUG=1"]).await?;
    let plugin = plugins.inspect(name).await?;
    assert!(
        !plugin.enabled && plugin.settings.env.contains(&"DEBUG=1".to_owned()),
        "{plugin:?}"
    );
    plugins.enable(name, enable).await?;
    plugins.disable(name, DisablePlugin { force: true }).await?;
    plugins.enable(name, enable).await?;
    plugins.remove(name, RemovePlugin { force: true }).await?;
    assert!(plugins.inspect(name).await.unwrap_err().is_not_found());
    Ok(())
}

/// Pushes a plugin to a registry, and pulls it again.
pub async fn transfer(docker: Docker) -> Result<()> {
    let plugins = docker.plugins();
    let name = "127.0.0.1:5001/ptest/plugin:1";
    if !create(plugins, name, CONFIG, &[]).await? {
        return Ok(());
    }
    plugins.push(name, None).await?.last().await?;
    plugins.remove(name, Default::default()).await?;

    let privileges = plugins.privileges(name, None).await?;
    let names: Vec<&str> = privileges
        .iter()
        .map(|privilege| privilege.name.as_str())
        .collect();
    assert_eq!(names, ["network", "mount", "capabilities"]);
    let install = plugins.install(name, InstallPlugin::default(), None).await?;
    let refused = install.last().await.unwrap_err();
    assert!(refused.is_forbidden() || refused.message().is_some(), "{refused}");

    let install = InstallPlugin {
        name: "ptest/installed:1".into(),
        privileges: privileges.clone(),
    };
    plugins.install(name, install, None).await?.last().await?;
    let plugin = plugins.inspect("ptest/installed:1").await?;
    assert_eq!(plugin.plugin_reference, name);
    plugins
        .upgrade("ptest/installed:1", name, UpgradePlugin { privileges }, None)
        .await?
        .last()
        .await?;
    plugins.remove("ptest/installed:1", Default::default()).await
}
