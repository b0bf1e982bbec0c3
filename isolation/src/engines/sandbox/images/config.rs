//! What the configuration of an image means for the commands of an environment.

use std::collections::BTreeMap;

use engine_api::images::ImageConfig;

use super::super::identity::Identity;
use super::kept::Kept;
use super::unpack::LeftOut;

/// The settings of an image for commands; those of the specification come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Defaults {
    pub(in super::super) env: BTreeMap<String, String>,
    pub(in super::super) working_dir: Option<String>,
    /// `user`, `user:group` or numbers; `None` for root.
    pub(in super::super) user: Option<String>,
}

impl Defaults {
    pub(in super::super) fn of(kept: &Kept) -> Self {
        Self::of_config(kept.config())
    }

    pub(in super::super) fn of_config(config: &ImageConfig) -> Self {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        let variable = |entry: &str| {
            let (name, value) = entry.split_once('=')?;
            (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        };
        let root = |user: &String| matches!(user.as_str(), "0" | "root" | "0:0" | "root:root");
        Self {
            env: config.env.iter().filter_map(|entry| variable(entry)).collect(),
            working_dir: filled(&config.working_dir).map(|path| match path.starts_with('/') {
                true => path,
                false => format!("/{path}"),
            }),
            user: filled(&config.user).filter(|user| !root(user)),
        }
    }
}

/// That commands do not run as the user of the image.
pub(in super::super) fn user_left_out(kept: &Kept) -> Option<String> {
    let user = Defaults::of(kept).user?;
    match kept.identity() {
        Identity::Caller => Some(format!("commands run as root, not as {user}: there is one user")),
        Identity::Range { .. } => None,
    }
}

/// The entries that an environment does not have as they are, as sentences for people.
pub(in super::super) fn counted(counted: LeftOut, identity: Identity) -> Vec<String> {
    let mut found = Vec::new();
    if counted.devices > 0 {
        found.push(format!("{} devices are left out", counted.devices));
    }
    if counted.owners > 0 {
        found.push(match identity {
            Identity::Caller => format!(
                "{} files of other users belong to root: there is one user",
                counted.owners
            ),
            Identity::Range { .. } => format!(
                "{} files of users above 65535 belong to user 65534",
                counted.owners
            ),
        });
    }
    found
}

/// The settings of an image that environments do not have, as sentences for people.
pub(in super::super) fn left_out(kept: &Kept) -> Vec<String> {
    let config = kept.config();
    let mut found = counted(kept.left_out(), kept.identity());
    found.extend(user_left_out(kept));
    let program: Vec<&str> = config
        .entrypoint
        .iter()
        .chain(&config.cmd)
        .map(String::as_str)
        .collect();
    if !program.is_empty() {
        found.push(format!(
            "its program is not started, because the engine runs commands only; run it as one: {}",
            program.join(" ")
        ));
    }
    if !config.exposed_ports.is_empty() {
        let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
        found.push(format!("its ports are not published: {}", ports.join(", ")));
    }
    if config.healthcheck.is_some() {
        found.push("its health check is not run".to_owned());
    }
    if !matches!(config.stop_signal.as_str(), "" | "SIGTERM" | "TERM" | "15") {
        found.push(format!(
            "processes are stopped with SIGTERM, not with {}",
            config.stop_signal
        ));
    }
    found
}
