//! The list of the environments of any process.

use super::layout::Layout;
use super::main_state::{self, Seen};
use super::ports;
use super::{NAME, SandboxEngine};
use crate::engines::host::directory::{Directory, Note};
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::Result;
use crate::spec::main_process::Main;

impl SandboxEngine {
    pub(super) fn summaries(&self) -> Result<Vec<EnvironmentSummary>> {
        let notes = Directory::list(NAME, &self.base)?;
        // One that was removed meanwhile is not found.
        let listed = notes.into_iter().filter_map(|note| {
            let (layout, _) = self.find(&note.id).ok()?;
            Some(summary(note, &layout))
        });
        Ok(listed.collect())
    }
}

fn summary(note: Note, layout: &Layout) -> EnvironmentSummary {
    let has_main = note.spec.main != Main::Idle;
    let status = main_state::current(note.status, layout, has_main);
    let exit_code = match status {
        Status::Stopped if has_main => exit_code(layout),
        _ => None,
    };
    EnvironmentSummary {
        ports: ports::listed(&note.spec, status),
        id: note.id,
        name: note.name,
        engine: NAME.to_owned(),
        status,
        image: note.spec.image,
        owner: note.spec.owner,
        session: note.spec.session,
        created: note.created,
        exit_code,
        network_of: None,
    }
}

/// The exit code of the main process, if it has ended.
fn exit_code(layout: &Layout) -> Option<i32> {
    match main_state::seen(layout) {
        Ok(Seen::Ended(exit)) => Some(exit.code),
        // The next call that needs a value reports that it cannot be read.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::id::EnvironmentId;

    #[test]
    fn main_process_without_an_end_has_no_exit_code() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::create(NAME, base.path(), &EnvironmentId::random()).unwrap();
        let layout = Layout::existing(&directory);
        assert_eq!(exit_code(&layout), None);
    }
}
