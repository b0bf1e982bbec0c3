//! The options of every command.

use std::path::PathBuf;

use clap::Args;
use isolation::config::{Config, DockerConfig, Settings, Source};
use isolation::{ErrorKind, ResourceLimits};

use crate::error::CliError;

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Print JSON: one document, or one object per line for output that arrives in parts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Address of the Docker daemon, instead of DOCKER_HOST: unix:///path, tcp://host:port,
    /// https://host:port, ssh://user@host
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Read the configuration from this file only, instead of ISOLATE_CONFIG, isolate.json and the
    /// user's file; see `isolate config --help`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Replay the Docker daemon's replies from a recording; no daemon is needed
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Record the requests to the Docker daemon and its replies
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write the events of environments to a file, one JSON object per line
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Print errors only, no other messages; a list then has IDs only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more details; with -vv before the command, also each call of the Docker daemon
    #[arg(long, global = true)]
    pub(crate) verbose: bool,
    /// The number of times that `-v` was given before the command.
    #[arg(skip)]
    pub(crate) details: u8,
    /// The configuration in effect: files, environment variables, and `--host`.
    #[arg(skip)]
    pub(crate) settings: Settings,
}

/// The hint for a configuration file that cannot be read.
const UNREADABLE: &str = "make the file readable, set HOME or XDG_CONFIG_HOME to another directory, or name a file: \
                          --config FILE or ISOLATE_CONFIG";

impl Global {
    /// Rejects options that exclude each other. clap does not compare global options when one is
    /// written before the command's name and the other after it.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let conflicts = [
            (
                self.replay.is_some() && self.host.is_some(),
                "--replay and --host: a recording replaces the Docker daemon",
            ),
            (
                self.replay.is_some() && self.record.is_some(),
                "--replay and --record: a replay is recorded already",
            ),
            (self.quiet && self.is_verbose(), "--quiet and --verbose"),
        ];
        match conflicts.iter().find(|(given, _)| *given) {
            Some((_, which)) => Err(CliError::new(format!(
                "these options exclude each other: {which}"
            ))),
            None => Ok(()),
        }
    }

    /// Whether to print more details.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose || self.details > 0
    }

    /// Whether to print the calls of the daemon.
    pub(crate) fn shows_calls(&self) -> bool {
        self.details > 1
    }

    /// Reads the configuration.
    pub(crate) fn load(&mut self) -> Result<(), CliError> {
        self.settings = Settings::load(self.config.as_deref()).map_err(|error| match error.kind() {
            ErrorKind::Io => CliError::from(error).hint(UNREADABLE),
            _ => CliError::from(error),
        })?;
        if let Some(host) = &self.host {
            let docker = DockerConfig {
                docker_host: Some(host.clone()),
                ..DockerConfig::default()
            };
            let config = Config {
                docker,
                ..Config::default()
            };
            config.validate()?;
            let settings = std::mem::take(&mut self.settings);
            self.settings = settings.with(Source::Option("--host".into()), config);
        }
        Ok(())
    }

    /// Switches default limits off. Those of the specification stay.
    pub(crate) fn lift(&mut self, limits: ResourceLimits) {
        if limits == ResourceLimits::default() {
            return;
        }
        let docker = DockerConfig {
            resource_limits: limits,
            ..DockerConfig::default()
        };
        let config = Config {
            docker,
            ..Config::default()
        };
        let settings = std::mem::take(&mut self.settings);
        self.settings = settings.with(Source::Option("of limits".into()), config);
    }

    /// The address of the Docker daemon that an option or a configuration file names.
    pub(crate) fn daemon(&self) -> Option<String> {
        self.settings.config().docker.docker_host
    }

    /// Whether an option names a Docker daemon, so that only the engine `docker` may be used.
    pub(crate) fn names_a_daemon(&self) -> bool {
        self.host.is_some() || self.replay.is_some() || self.record.is_some()
    }
}
