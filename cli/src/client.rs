//! The engine that the options name, recorded or replayed if they say so.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use engine_api::Docker;
use engine_fixtures::{Player, Recorder};

use crate::error::CliError;
use crate::global::Global;

/// The client of the engine that the options name, if they do.
#[derive(Debug)]
pub(crate) struct Client {
    docker: Option<Docker>,
    tape: Tape,
}

/// What stands between the client and the engine.
#[derive(Debug)]
enum Tape {
    None,
    Replaying(Player),
    Recording {
        recorder: Recorder,
        file: PathBuf,
        /// Words that only this run could think of.
        generated: Mutex<Vec<String>>,
    },
}

impl Client {
    /// Follows the options. Only a recording looks for an engine now; otherwise nothing is sent yet.
    pub(crate) async fn open(global: &Global) -> Result<Self, CliError> {
        if let Some(file) = &global.replay {
            let player = Player::open(file).map_err(|error| CliError::from_error(&error))?;
            let docker = Some(Docker::with_connector(player.clone()));
            let tape = Tape::Replaying(player);
            return Ok(Self { docker, tape });
        }
        let named = global.host.as_deref().map(Docker::from_address).transpose()?;
        match &global.record {
            None => Ok(Self {
                docker: named,
                tape: Tape::None,
            }),
            Some(file) => {
                let engine = match named {
                    Some(docker) => docker,
                    None => Docker::from_env().await?,
                };
                Self::recording(&engine, file)
            }
        }
    }

    fn recording(engine: &Docker, file: &Path) -> Result<Self, CliError> {
        let recorder = Recorder::new(engine.connector());
        let docker = Some(with_version(Docker::with_connector(recorder.clone()))?);
        let tape = Tape::Recording {
            recorder,
            file: file.to_owned(),
            generated: Mutex::default(),
        };
        Ok(Self { docker, tape })
    }

    /// The client, if the options name an engine.
    pub(crate) fn named(&self) -> Option<&Docker> {
        self.docker.as_ref()
    }

    /// The client, or else one of the engine that the environment names, or of the first that answers.
    pub(crate) async fn any(&self) -> Result<Docker, CliError> {
        match &self.docker {
            Some(docker) => Ok(docker.clone()),
            None => Ok(Docker::from_env().await?),
        }
    }

    /// Says that a word is made up by this run, so that a recording must not insist on it.
    pub(crate) fn generated(&self, word: &str) {
        if let Tape::Recording { generated, .. } = &self.tape {
            let mut words = generated.lock().unwrap_or_else(PoisonError::into_inner);
            words.push(word.to_owned());
        }
    }

    /// Writes the recording, or sees to it that nothing of one is left over.
    pub(crate) async fn close(self) -> Result<(), CliError> {
        match self.tape {
            Tape::None => Ok(()),
            Tape::Replaying(player) => player.finish().map_err(|error| {
                CliError::from_error(&error)
                    .hint("replay with the same arguments as were recorded, or record again")
            }),
            Tape::Recording {
                recorder,
                file,
                generated,
            } => {
                let words = generated.into_inner().unwrap_or_else(PoisonError::into_inner);
                let recorder = words.into_iter().fold(recorder, Recorder::generated);
                let name = file.file_stem().unwrap_or_default().to_string_lossy();
                let recording = recorder.finish(&name).await;
                recording
                    .and_then(|recording| recording.save(&file))
                    .map_err(|error| CliError::new("no recording was written").because(&error))
            }
        }
    }
}

/// The client with the version that the environment wants to be spoken.
fn with_version(docker: Docker) -> Result<Docker, CliError> {
    match std::env::var("DOCKER_API_VERSION") {
        Ok(version) if !version.is_empty() => Ok(docker.with_version(version.parse()?)),
        _ => Ok(docker),
    }
}
