//! Which Python interpreter a request means.

use std::cmp::Reverse;

use super::interpreter::{Interpreter, candidates, claimed};
use super::request::PythonRequest;
use crate::error::{Error, Result};

impl Interpreter {
    /// Finds the interpreter that a request means: the first one on the PATH for the default
    /// request, else CPython before others, and the newest version first.
    pub(super) fn find(request: &PythonRequest) -> Result<Self> {
        let candidates = match request.path() {
            // A candidate is run in another directory.
            Some(path) => {
                vec![std::path::absolute(path).map_err(|e| Error::io("find", path, e))?]
            }
            None => candidates(),
        };
        let mut found: Vec<Self> = Vec::new();
        let mut rejected = Vec::new();
        for candidate in candidates {
            let named = claimed(&candidate).filter(|_| request.path().is_none());
            if let Some((major, minor)) = named.filter(|named| !request.may_fit(*named)) {
                rejected.push(format!("{}: it is named {major}.{minor}", candidate.display()));
                continue;
            }
            match Self::ask(&candidate) {
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
            .ok_or_else(|| not_found(request, &rejected))
    }
}

fn not_found(request: &PythonRequest, rejected: &[String]) -> Error {
    let tried = match rejected {
        [] => "no candidate is on the PATH".to_owned(),
        some => format!("tried {}", some.join("; ")),
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
    fn error_of_no_interpreter_lists_the_candidates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("python3");
        std::fs::write(&path, "#!/bin/sh\nexit 3\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let request = path.to_str().unwrap().parse().unwrap();
        let error = Interpreter::find(&request).unwrap_err();
        assert!(error.is_not_found());
        let text = error.to_string();
        assert!(
            text.contains(path.to_str().unwrap()) && text.contains("exit status: 3"),
            "{text}"
        );
    }
}
