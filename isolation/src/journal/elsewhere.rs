//! There is no journal on this system, because it cannot report whether a process still runs.

use std::path::Path;
use std::time::Duration;

use super::entry::Entry;
use super::left_image::LeftImage;
use super::paused_environment::PausedEnvironment;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::logs::stored::StoredOutput;

/// The state directory, which does not exist here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StateDirectory {}

/// The entry of a file, or why it cannot be read.
pub(crate) type Found = std::result::Result<Entry, (EnvironmentId, Error)>;

impl StateDirectory {
    pub(crate) fn open(_: Option<&Path>) -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn write(&self, _: &Entry) -> Result<()> {
        match *self {}
    }

    pub(crate) fn read(&self, _: &EnvironmentId) -> Result<Option<Entry>> {
        match *self {}
    }

    pub(crate) fn remove(&self, _: &EnvironmentId) -> Result<()> {
        match *self {}
    }

    pub(crate) fn output(&self, _: &EnvironmentId) -> StoredOutput {
        match *self {}
    }

    pub(crate) fn write_file(&self, _: &EnvironmentId, _: &str, _: &str) -> Result<std::path::PathBuf> {
        match *self {}
    }

    pub(crate) fn age(&self, _: &EnvironmentId) -> Option<Duration> {
        match *self {}
    }

    pub(crate) fn entries(&self) -> Result<Vec<Found>> {
        match *self {}
    }

    pub(crate) fn scope(&self) {
        match *self {}
    }

    pub(crate) fn leases(&self, _: &EnvironmentId) -> Leases {
        match *self {}
    }

    pub(crate) async fn pull_turn(&self, _: &str) -> Result<Turn> {
        match *self {}
    }

    pub(crate) fn note_image(&self, _: &LeftImage) -> Result<()> {
        match *self {}
    }

    pub(crate) fn forget_image(&self, _: &str) -> Result<()> {
        match *self {}
    }

    pub(crate) fn is_left_image(&self, _: &str) -> bool {
        match *self {}
    }

    pub(crate) fn left_images(&self) -> Result<Vec<std::result::Result<LeftImage, (EnvironmentId, Error)>>> {
        match *self {}
    }

    pub(crate) fn note_pause(&self, _: &PausedEnvironment) -> Result<PauseNote> {
        match *self {}
    }

    pub(crate) fn left_pauses(&self) -> Result<Vec<(PauseNote, PausedEnvironment)>> {
        match *self {}
    }

    pub(crate) fn take_over_pauses(&self, _: &EnvironmentId) -> Result<bool> {
        match *self {}
    }
}

/// The note of a pause, which does not exist here.
#[derive(Debug)]
pub(crate) enum PauseNote {}

impl PauseNote {
    pub(crate) fn remove(self) -> Result<()> {
        match self {}
    }
}

/// The outcome of waiting for a turn to pull an image.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is this caller's turn to pull.
    Ours(PullTurn),
    /// Another process has pulled the image in the meantime.
    Done,
}

/// The turn to pull an image, which does not exist here.
#[derive(Debug)]
pub(crate) enum PullTurn {}

impl PullTurn {
    pub(crate) fn succeed(self) -> Result<()> {
        match self {}
    }
}

/// The leases of a shared environment, which do not exist here.
#[derive(Debug, Clone)]
pub(crate) enum Leases {}

/// A lock of the leases.
#[derive(Debug)]
pub(crate) enum Lock {}

/// One user of a shared environment.
#[derive(Debug)]
pub(crate) enum Lease {}

impl Leases {
    pub(crate) async fn lock(&self) -> Result<Lock> {
        match *self {}
    }

    pub(crate) fn users(&self) -> Result<usize> {
        match *self {}
    }
}

impl Lock {
    pub(crate) fn add(&self) -> Result<Lease> {
        match *self {}
    }

    pub(crate) fn users(&self) -> Result<usize> {
        match *self {}
    }

    pub(crate) fn forget(&self) {
        match *self {}
    }
}

impl Lease {
    pub(crate) fn end(&self) -> Result<()> {
        match *self {}
    }
}
