//! Which Python interpreter a request means.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::interpreter::{Interpreter, candidates, claimed};
use super::known::Known;
use super::request::PythonRequest;
use crate::error::{Error, Result};

impl Interpreter {
    /// Finds the interpreter that a request means: the first one on the PATH for the default
    /// request, else CPython before others, and the newest version first.
    pub(super) fn find(request: &PythonRequest, known: &Known) -> Result<Self> {
        let candidates = match request.path() {
            // A candidate is run in another directory.
            Some(path) => {
                vec![std::path::absolute(path).map_err(|e| Error::io("find", path, e))?]
            }
            None => candidates(),
        };
        let mut found: Vec<Self> = Vec::new();
        let (mut rejected, mut others) = (Vec::new(), BTreeSet::new());
        for candidate in candidates {
            let named = claimed(&candidate).filter(|_| request.path().is_none());
            if let Some(other) = named.filter(|named| !request.may_fit(*named)) {
                others.insert(other);
                continue;
            }
            match known.ask(&candidate) {
                Err(why) => rejected.push(format!("{}: {why}", candidate.display())),
                Ok(one) => match request.misfit(&one) {
                    Some(why) => rejected.push(format!("{}: {why}", candidate.display())),
                    None if request.is_default() => return Ok(one),
                    None => found.push(one),
                },
            }
        }
        found.sort_by_key(|one| (one.implementation != "CPython", Reverse(one.version.clone())));
        found
            .into_iter()
            .next()
            .ok_or_else(|| not_found(request, &rejected, &others))
    }
}

/// The error names what was tried, and the versions of the other interpreters of this machine.
fn not_found(request: &PythonRequest, rejected: &[String], others: &BTreeSet<(u32, u32)>) -> Error {
    let mut tried = Vec::new();
    if !rejected.is_empty() {
        tried.push(format!("tried {}", rejected.join("; ")));
    }
    if !others.is_empty() {
        let versions = others.iter().map(|(major, minor)| format!("{major}.{minor}"));
        tried.push(format!(
            "others are named {}",
            versions.collect::<Vec<_>>().join(", ")
        ));
    }
    let tried = match tried.is_empty() {
        true => "no candidate is on the PATH".to_owned(),
        false => tried.join("; "),
    };
    Error::not_found(format!(
        "no Python interpreter fits {request}: {tried}; install one, or name its path"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn other_versions_are_listed_in_order() {
        let request = "3.99".parse().unwrap();
        let error = not_found(&request, &[], &[(3, 9), (3, 10)].into());
        assert_eq!(
            error.to_string(),
            "no Python interpreter fits 3.99: others are named 3.9, 3.10; install one, or name its path"
        );
    }

    #[test]
    fn error_without_any_candidate_says_so() {
        let request = "3.99".parse().unwrap();
        let error = not_found(&request, &[], &BTreeSet::new()).to_string();
        assert!(error.contains("no candidate is on the PATH"), "{error}");
    }

    #[test]
    fn error_of_no_interpreter_lists_the_candidates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("python3");
        std::fs::write(&path, "#!/bin/sh\nexit 3\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let request = path.to_str().unwrap().parse().unwrap();
        let error = Interpreter::find(&request, &Known::default()).unwrap_err();
        assert!(error.is_not_found());
        let text = error.to_string();
        assert!(
            text.contains(path.to_str().unwrap()) && text.contains("exit status: 3"),
            "{text}"
        );
    }
}
