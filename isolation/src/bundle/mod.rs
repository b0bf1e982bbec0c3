//! Bundles: everything that is known about an environment, in one directory.

mod redact;
mod summary;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use self::redact::Redactor;
use self::write::Files;
use crate::diagnose::{Diagnosis, Evidence, diagnose};
use crate::engine::instance::InstanceState;
use crate::environment::shared::Shared;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::history::{CheckResult, CommandRecord, Piece};
use crate::metrics::MetricsSample;
use crate::spec::EnvironmentSpec;

/// Timeout for the engine's description of itself and the environment.
const LIMIT: Duration = Duration::from_secs(3);

/// The contents of a bundle.
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) engine: String,
    pub(crate) spec: EnvironmentSpec,
    pub(crate) state: Option<InstanceState>,
    pub(crate) documents: BTreeMap<String, Value>,
    /// The values of the environment variables of commands.
    pub(crate) hidden: Vec<String>,
    pub(crate) commands: Vec<CommandRecord>,
    pub(crate) output: Vec<Piece>,
    pub(crate) events: Vec<Event>,
    pub(crate) samples: Vec<MetricsSample>,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) evidence: Evidence,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) at: SystemTime,
}

impl Shared {
    /// Writes a bundle into a directory.
    pub(crate) async fn bundle(&self, directory: &Path, error: Option<&Error>) -> Result<Diagnosis> {
        let written = async {
            let content = self.content(error).await;
            let diagnosis = content.diagnosis.clone();
            content.write(directory)?;
            Ok(diagnosis)
        }
        .await;
        written.map_err(|error: Error| error.during("write the bundle", &directory.display().to_string()))
    }

    async fn content(&self, error: Option<&Error>) -> Content {
        let known = error.and_then(Error::evidence).cloned();
        let evidence = async {
            match known {
                Some(evidence) => evidence,
                None => self.evidence(error).await,
            }
        };
        let documents = async {
            match self.instance.inspection() {
                Some(inspection) => timeout(LIMIT, inspection.documents()).await,
                None => Ok(Ok(BTreeMap::new())),
            }
        };
        let sample = async {
            match self.instance.metrics().filter(|_| self.cell.get().is_running()) {
                Some(metrics) => timeout(LIMIT, metrics.sample()).await.ok()?.ok(),
                None => None,
            }
        };
        let state = async { timeout(LIMIT, self.instance.inspect()).await.ok()?.ok() };
        let (evidence, documents, sample, state) = tokio::join!(evidence, documents, sample, state);
        if let Some(mut sample) = sample {
            self.has_measured(&mut sample);
        }
        Content {
            name: self.name().to_owned(),
            id: self.id.to_string(),
            engine: self.engine.clone(),
            spec: self.spec.clone(),
            state,
            // If a part is not available, the rest is still written.
            documents: documents.ok().and_then(Result::ok).unwrap_or_default(),
            hidden: self.history.hidden(),
            commands: self.history.commands(),
            output: self.history.output(0),
            events: self.events.of(&self.id),
            samples: self.history.samples(),
            checks: self.history.checks(),
            diagnosis: diagnose(&evidence),
            evidence,
            at: SystemTime::now(),
        }
    }
}

impl Content {
    /// Writes the files.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let redactor = Redactor::of(&self.spec, &self.hidden);
        let mut files = Files::create(directory, &redactor)?;
        files.json("spec.json", self.hidden_spec()?)?;
        files.json("evidence.json", json!(self.evidence))?;
        if let Some(state) = &self.state {
            files.json("state.json", json!(state))?;
        }
        for (name, document) in &self.documents {
            files.json(&format!("{name}.json"), document.clone())?;
        }
        files.lines("stdout.txt", self.evidence.stdout.iter().map(String::as_str))?;
        files.lines("stderr.txt", self.evidence.stderr.iter().map(String::as_str))?;
        files.text("commands.txt", &summary::commands(&self.commands, &self.output))?;
        files.json_lines("commands.jsonl", &self.commands)?;
        files.json_lines("events.jsonl", &self.events)?;
        files.json_lines("metrics.jsonl", &self.samples)?;
        files.json_lines("health.jsonl", &self.checks)?;
        let list = files.written().to_vec();
        files.text("README.md", &summary::page(self, &list))
    }

    /// The specification without values of variables and labels.
    fn hidden_spec(&self) -> Result<Value> {
        let mut value = serde_json::to_value(&self.spec).map_err(|error| Error::engine("bundle", error))?;
        redact::hide_values(&mut value);
        Ok(value)
    }
}

/// A new directory for a bundle of a failure. Its name contains the time and the environment.
pub(crate) fn directory_for(parent: &Path, name: &str, at: SystemTime) -> PathBuf {
    let time = Timestamp::from(at).to_rfc3339();
    let time: String = time
        .chars()
        .take(23)
        .map(|c| if c.is_ascii_digit() { c } else { '-' })
        .collect();
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name
        .chars()
        .map(|c| if valid(c) { c } else { '-' })
        .take(60)
        .collect();
    parent.join(format!("{time}-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_of_a_failure_has_time_and_name() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_354_577_250);
        let directory = directory_for("/b".as_ref(), "group/größe", at);
        assert_eq!(directory, Path::new("/b/2025-11-28-18-29-37-250-group-gr--e"));
    }
}
