//! The files of a build context that the docker command sends, for many ignore files.
//!
//! `tests/foreign/dockerignore.py` records the table: what the classic builder sends, and what
//! buildx sends to BuildKit.

// Helpers of tests are tests too; clippy exempts only the functions that are marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use engine_api::images::Builder;
use serde::Deserialize;

/// The recorded table.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// The paths of the context; those of directories end with a slash.
    pub paths: Vec<String>,
    /// One case for each ignore file.
    pub cases: Vec<Case>,
}

/// An ignore file, and a mark for each path: `+` if it is sent. `None` if the file is invalid.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The text of the file.
    pub ignore: String,
    classic: Option<String>,
    buildx: Option<String>,
}

impl Table {
    /// The table in the repository.
    pub fn read() -> Self {
        serde_json::from_str(include_str!("dockerignore.json")).unwrap()
    }

    /// Creates the files of the context.
    pub fn create(&self, root: &Path, dockerfile: &str) {
        for path in &self.paths {
            let file = root.join(path);
            if path.ends_with('/') {
                fs::create_dir_all(file).unwrap();
                continue;
            }
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = if path == "Dockerfile" { dockerfile } else { "x" };
            fs::write(file, text).unwrap();
        }
    }

    /// The paths that are sent, without slashes at their ends; `None` if the file is invalid.
    pub fn sent(&self, case: &Case, builder: Builder) -> Option<BTreeSet<String>> {
        let marks = match builder {
            Builder::Classic => &case.classic,
            Builder::BuildKit => &case.buildx,
        };
        let marked = self.paths.iter().zip(marks.as_ref()?.chars());
        let sent = marked.filter(|(_, mark)| *mark == '+');
        Some(
            sent.map(|(path, _)| path.trim_end_matches('/').to_owned())
                .collect(),
        )
    }
}
