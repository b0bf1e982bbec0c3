//! Environments that a process has paused for the time of a call. If the process is killed, they
//! are resumed by the collection.
//!
//! ```text
//! STATE/pauses/RANDOM   an environment, locked by the process that has paused it
//! ```

use super::directory::StateDirectory;
use super::notes::{self, Note};
use super::paused_environment::PausedEnvironment;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};

/// The note of a pause. Dropping it leaves it to the collection.
#[derive(Debug)]
pub(crate) struct PauseNote(Note);

impl PauseNote {
    /// The environment is resumed.
    pub(crate) fn remove(self) -> Result<()> {
        self.0.remove()
    }
}

impl StateDirectory {
    /// Notes an environment that is about to be paused.
    pub(crate) fn note_pause(&self, paused: &PausedEnvironment) -> Result<PauseNote> {
        let text = serde_json::to_vec(paused);
        let text = text.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
        Note::write(&self.path().join("pauses"), &text).map(PauseNote)
    }

    /// The pauses of processes that have exited, of environments that no other process pauses.
    pub(crate) fn left_pauses(&self) -> Result<Vec<(PauseNote, PausedEnvironment)>> {
        let found = notes::find(&self.path().join("pauses"))?;
        let read = |text: &Vec<u8>| serde_json::from_slice::<PausedEnvironment>(text);
        let held: Vec<_> = found.held.iter().filter_map(|text| read(text).ok()).collect();
        let mut pauses = Vec::new();
        for (note, text) in found.left {
            match read(&text) {
                // The other process resumes it.
                Ok(paused) if held.iter().any(|other| other.id == paused.id) => {}
                Ok(paused) => pauses.push((PauseNote(note), paused)),
                // It was written before a crash of the machine, which ends every pause.
                Err(_) => note.remove()?,
            }
        }
        Ok(pauses)
    }

    /// Removes what processes that have exited have noted about an environment, whose pause is that
    /// of its user from now on. Returns whether there was something.
    pub(crate) fn take_over_pauses(&self, id: &EnvironmentId) -> Result<bool> {
        let mut taken = false;
        for (note, paused) in self.left_pauses()? {
            if paused.id == *id {
                note.remove()?;
                taken = true;
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_of_a_killed_process_is_found_once() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(directory.path()).unwrap();
        assert!(state.left_pauses().unwrap().is_empty());
        let paused = |name: &str| PausedEnvironment {
            id: EnvironmentId::random(),
            name: name.to_owned(),
            engine: "docker".to_owned(),
            address: "unix:///run/docker.sock".to_owned(),
            pid: 7,
        };
        let (used, killed) = (paused("used"), paused("killed"));
        let held = state.note_pause(&used).unwrap();
        // The system releases the lock of a killed process.
        drop(state.note_pause(&killed).unwrap());
        let left = state.left_pauses().unwrap();
        assert_eq!(left.iter().map(|(_, one)| one).collect::<Vec<_>>(), [&killed]);
        assert!(state.left_pauses().unwrap().is_empty(), "one process resumes it");
        drop(left);
        let again = state.note_pause(&killed).unwrap();
        assert!(
            state.left_pauses().unwrap().is_empty(),
            "another process pauses it"
        );
        again.remove().unwrap();
        assert!(!state.take_over_pauses(&used.id).unwrap(), "its process lives");
        assert!(state.take_over_pauses(&killed.id).unwrap());
        assert!(state.left_pauses().unwrap().is_empty());
        held.remove().unwrap();
        let files = std::fs::read_dir(directory.path().join("pauses")).unwrap();
        assert_eq!(files.count(), 0);
    }

    #[test]
    fn pause_that_was_not_written_whole_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(directory.path()).unwrap();
        let pauses = directory.path().join("pauses");
        drop(Note::write(&pauses, b"{").unwrap());
        assert_eq!(std::fs::read_dir(&pauses).unwrap().count(), 1);
        assert!(state.left_pauses().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(&pauses).unwrap().count(), 0);
    }
}
