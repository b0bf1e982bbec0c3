//! Repairs a virtual environment that was moved, or whose interpreter has a new patch version.

use std::path::Path;

use super::known::Known;
use super::problem::VirtualenvProblem;
use super::pyvenv_cfg::PyvenvCfg;
use super::validate::validate;
use super::{DIRECTORY, relocate};
use super::{NAME, VirtualenvEngine};
use crate::engines::host::blocking;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Stop, StopOnDrop};

/// How often an environment may have been moved since it was created: files of each time name
/// another path.
const MOVES: usize = 16;

impl VirtualenvEngine {
    /// The problems of the virtual environment of an environment, and changes below it: it was
    /// moved, its interpreter is gone or has another version.
    ///
    /// ```no_run
    /// use isolation::engines::virtualenv::VirtualenvEngine;
    /// use isolation::{EnvironmentId, Registry};
    ///
    /// # async fn demo(registry: Registry, id: EnvironmentId) -> isolation::Result<()> {
    /// let engine = registry.get_as::<VirtualenvEngine>("virtualenv").expect("it is built in");
    /// for problem in engine.validate(&id).await? {
    ///     println!("{problem}; {}", problem.hint());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn validate(&self, id: &EnvironmentId) -> Result<Vec<VirtualenvProblem>> {
        let (found, known) = (self.base.directory(id), self.known());
        let work = move || validate(&found?.root().join(DIRECTORY), &known);
        let problems = blocking(NAME, work).await;
        problems.map_err(|error| error.during("validate the virtual environment of", id.short()))
    }

    /// Repairs what [`validate`](Self::validate) finds, and returns it: the files of an environment
    /// that was moved get its new path, and every entry point is run.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) if something cannot be repaired: no
    /// other interpreter replaces one that is gone.
    pub async fn repair(&self, id: &EnvironmentId) -> Result<Vec<VirtualenvProblem>> {
        let (found, known) = (self.base.directory(id), self.known());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let work = move || {
            let found = found?;
            repair(&found.root(), &found.path().join("proof"), &known, &stop)
        };
        let repaired = blocking(NAME, work).await;
        repaired.map_err(|error| error.during("repair the virtual environment of", id.short()))
    }
}

/// Repairs the virtual environment in this root; returns what it has repaired. `scratch` is a path
/// where nothing is. This blocks.
///
/// # Errors
///
/// The kind is [`Unsupported`](ErrorKind::Unsupported) if something cannot be repaired. Nothing is
/// changed then, unless an entry point does not run after the paths were rewritten.
pub(super) fn repair(
    root: &Path,
    scratch: &Path,
    known: &Known,
    stop: &Stop,
) -> Result<Vec<VirtualenvProblem>> {
    let environment = root.join(DIRECTORY);
    let mut repaired: Vec<VirtualenvProblem> = Vec::new();
    let mut is_moved = false;
    loop {
        let found = validate(&environment, known)?;
        let worst = found.iter().position(|problem| !problem.is_repairable());
        let Some(problem) = found.into_iter().nth(worst.unwrap_or(0)) else {
            break;
        };
        if repaired.len() >= MOVES || repaired.contains(&problem) {
            let why = format!("{problem}, also after its files were rewritten; create another environment");
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        match &problem {
            VirtualenvProblem::Moved { from, .. } => {
                let from = from.parent().unwrap_or(from);
                relocate::rewrite(&from.to_owned().into(), root, known, stop)?;
                is_moved = true;
            }
            VirtualenvProblem::NewPatch { actual, .. } => note_version(&environment, actual)?,
            problem => {
                let why = format!("{problem}; {}", problem.hint());
                return Err(Error::new(ErrorKind::Unsupported, why));
            }
        }
        repaired.push(problem);
    }
    if is_moved {
        relocate::prove(&environment, scratch, stop)?;
    }
    Ok(repaired)
}

fn note_version(environment: &Path, actual: &str) -> Result<()> {
    let mut file = PyvenvCfg::read(environment)?;
    for key in ["version", "version_info", "python-version"] {
        if file.get(key).is_some() {
            file.set(key, actual);
        }
    }
    file.write(environment)
}
