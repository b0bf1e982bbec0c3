//! Bundles of failed creations, for which there is no environment yet.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::Manager;
use crate::bundle::{Content, directory_for};
use crate::diagnose::{Evidence, diagnose};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind};
use crate::events::{EventKind, Subject};
use crate::spec::EnvironmentSpec;
use crate::spec::network::NetworkMode;

impl Manager {
    /// Adds the facts about a failed creation, and writes a bundle if this manager has a directory
    /// for bundles.
    pub(super) fn explain_creation(&self, engine: &str, spec: &EnvironmentSpec, error: Error) -> Error {
        let mut evidence = error.as_evidence();
        evidence.image.clone_from(&spec.image);
        evidence.without_network = spec.network.mode == NetworkMode::None;
        // Other errors explain themselves.
        let needs_more = !matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::ShutDown
        );
        if let Some(parent) = self.state.bundles().filter(|_| needs_more) {
            self.bundle_creation(&parent, engine, spec, evidence.clone());
        }
        error.with_evidence(evidence)
    }

    fn bundle_creation(&self, parent: &Path, engine: &str, spec: &EnvironmentSpec, evidence: Evidence) {
        let name = spec.name.clone().unwrap_or_else(|| engine.to_owned());
        let at = SystemTime::now();
        let directory = directory_for(parent, &name, at);
        let content = Content {
            name,
            id: "none: it was not created".to_owned(),
            engine: engine.to_owned(),
            spec: spec.clone(),
            state: None,
            documents: BTreeMap::new(),
            hidden: Vec::new(),
            commands: Vec::new(),
            output: Vec::new(),
            // The events of engines and images; no environment has this ID.
            events: self.events.of(&EnvironmentId::random()),
            samples: Vec::new(),
            checks: Vec::new(),
            diagnosis: diagnose(&evidence),
            evidence,
            at,
        };
        let subject = Subject::Engine {
            engine: engine.to_owned(),
        };
        let written = content.write(&directory);
        self.events.emit(
            subject,
            match written {
                Ok(()) => EventKind::BundleWritten {
                    directory: directory.display().to_string(),
                },
                Err(error) => EventKind::Failed {
                    operation: "write the bundle".to_owned(),
                    kind: error.kind(),
                    message: error.to_string(),
                },
            },
        );
    }
}
