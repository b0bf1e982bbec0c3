//! The request of a Python interpreter: `3.11`, `>=3.11,<3.13`, `3.13t`, `pypy3.10`, a path.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::interpreter::{Interpreter, Version};
use crate::error::{Error, Result};
use crate::short::short;

/// The request of a Python interpreter.
///
/// Pre-releases and free-threaded builds are used only if the request names them: `3.14.0rc1`,
/// `3.13t`, a path.
///
/// ```
/// use isolation::engines::virtualenv::PythonRequest;
///
/// for text in ["3", "3.11", "3.11.7", ">=3.11,<3.13", "3.13t", "pypy3.10", "/usr/bin/python3"] {
///     assert_eq!(text.parse::<PythonRequest>()?.to_string(), text);
/// }
/// assert!("three".parse::<PythonRequest>().is_err());
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonRequest {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Path(PathBuf),
    Version {
        /// In lower case; `None` for any, CPython first.
        implementation: Option<String>,
        free_threaded: bool,
        bounds: Vec<Bound>,
    },
}

/// A comparison with the numbers of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    comparison: Comparison,
    numbers: Vec<u32>,
    /// The text after the numbers: `rc1`.
    pre_release: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// The version begins with these numbers.
    Begins,
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
    /// `~=3.11`: at least this, with the same numbers but the last.
    Compatible,
}

/// The prefixes of a bound, longer ones first.
const COMPARISONS: [(&str, Comparison); 7] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("~=", Comparison::Compatible),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl Default for PythonRequest {
    /// Python 3, whichever comes first on the PATH.
    fn default() -> Self {
        Self {
            text: "3".to_owned(),
            kind: Kind::Version {
                implementation: None,
                free_threaded: false,
                bounds: vec![Bound {
                    comparison: Comparison::Begins,
                    numbers: vec![3],
                    pre_release: String::new(),
                }],
            },
        }
    }
}

impl fmt::Display for PythonRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PythonRequest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = if text.contains('/') {
            Kind::Path(PathBuf::from(text))
        } else {
            version(text).ok_or_else(|| {
                Error::invalid(format!(
                    "{text:?} is not a Python version; write 3.11, >=3.11,<3.13, 3.13t, \
                     pypy3.10 or a path with a slash",
                    text = short(text)
                ))
            })?
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }
}

fn version(text: &str) -> Option<Kind> {
    let letters = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(letters);
    let implementation = match name.to_ascii_lowercase().as_str() {
        "" | "python" => None,
        "cpython" | "pypy" | "graalpy" => Some(name.to_ascii_lowercase()),
        _ => return None,
    };
    let rest = rest.trim_start_matches('@');
    if rest.is_empty() && !name.is_empty() {
        return Some(Kind::Version {
            implementation,
            free_threaded: false,
            bounds: Vec::new(),
        });
    }
    let (rest, free_threaded) = match rest.strip_suffix('t') {
        Some(rest) if rest.ends_with(|c: char| c.is_ascii_digit()) => (rest, true),
        _ => (rest, false),
    };
    let bounds = rest.split(',').map(bound).collect::<Option<_>>()?;
    Some(Kind::Version {
        implementation,
        free_threaded,
        bounds,
    })
}

fn bound(text: &str) -> Option<Bound> {
    let text = text.trim();
    let (comparison, version) = COMPARISONS
        .iter()
        .find_map(|(prefix, comparison)| Some((*comparison, text.strip_prefix(prefix)?)))
        .unwrap_or((Comparison::Begins, text));
    let version = version.trim();
    let version = version.strip_suffix(".*").unwrap_or(version);
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (numbers, pre_release) = version.split_at(end.unwrap_or(version.len()));
    let is_pre_release = ["a", "b", "rc"].iter().any(|stage| {
        let number = pre_release.strip_prefix(stage);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    if !pre_release.is_empty() && !is_pre_release {
        return None;
    }
    let numbers: Vec<u32> = numbers
        .split('.')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    (numbers.len() <= 3).then(|| Bound {
        comparison,
        numbers,
        pre_release: pre_release.to_owned(),
    })
}

impl PythonRequest {
    /// The path, if it names one.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        match &self.kind {
            Kind::Path(path) => Some(path),
            Kind::Version { .. } => None,
        }
    }

    /// Whether it is the default one, for which the order of the PATH decides.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether some interpreter of this version may fit.
    pub(super) fn may_fit(&self, (major, minor): (u32, u32)) -> bool {
        let Kind::Version { bounds, .. } = &self.kind else {
            return true;
        };
        let version = |patch| Version {
            numbers: [major, minor, patch],
            pre_release: String::new(),
        };
        let allowed = |patch| {
            let version = version(patch);
            bounds.iter().all(|bound| bound.allows_numbers(&version))
        };
        (0..100).any(allowed)
    }

    /// Why an interpreter does not fit; `None` if it does.
    pub(super) fn misfit(&self, found: &Interpreter) -> Option<String> {
        let Kind::Version {
            implementation,
            free_threaded,
            bounds,
        } = &self.kind
        else {
            return None;
        };
        let version = &found.version;
        let name = found.implementation.to_ascii_lowercase();
        if implementation.as_ref().is_some_and(|wanted| *wanted != name) {
            return Some(format!("it is {}", found.implementation));
        }
        if found.free_threaded != *free_threaded {
            return Some(match found.free_threaded {
                true => "it is a free-threaded build".to_owned(),
                false => "it is not a free-threaded build".to_owned(),
            });
        }
        let names = |bound: &Bound| bound.pre_release == version.pre_release;
        if !version.pre_release.is_empty() && !bounds.iter().any(names) {
            return Some(format!("{version} is a pre-release"));
        }
        let fits = bounds.iter().all(|bound| bound.allows(version));
        (!fits).then(|| format!("it is version {version}"))
    }
}

impl Bound {
    fn allows(&self, version: &Version) -> bool {
        let exact = matches!(self.comparison, Comparison::Begins | Comparison::Equal);
        let same_stage = self.pre_release.is_empty() || self.pre_release == version.pre_release;
        (same_stage || !exact) && self.allows_numbers(version)
    }

    fn allows_numbers(&self, version: &Version) -> bool {
        let numbers = &version.numbers[..];
        let wanted: Vec<u32> = (0..3)
            .map(|at| self.numbers.get(at).copied().unwrap_or(0))
            .collect();
        let ordering = numbers.cmp(&wanted[..]);
        let begins = numbers.starts_with(&self.numbers);
        match self.comparison {
            Comparison::Begins | Comparison::Equal => begins,
            Comparison::NotEqual => !begins,
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::AtMost => ordering.is_le() || begins,
            Comparison::Above => ordering.is_gt() && !begins,
            Comparison::Below => ordering.is_lt(),
            Comparison::Compatible => {
                let shared = self.numbers.len().saturating_sub(1).max(1);
                ordering.is_ge() && numbers.starts_with(&self.numbers[..shared])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str, implementation: &str, free_threaded: bool) -> Interpreter {
        Interpreter {
            version: version.parse().unwrap(),
            implementation: implementation.into(),
            free_threaded,
            ..Interpreter::sample()
        }
    }

    #[test]
    fn request_chooses_by_version_and_implementation() {
        for (request, fits, others) in [
            ("3", &["3.8.0", "3.13.1"][..], &["2.7.18"][..]),
            ("3.1", &["3.1.5"], &["3.11.0", "3.10.1"]),
            ("3.11.7", &["3.11.7"], &["3.11.6", "3.12.7"]),
            (">=3.11,<3.13", &["3.11.0", "3.12.9"], &["3.10.9", "3.13.0"]),
            (">= 3.11, < 3.13", &["3.12.0"], &["3.13.0"]),
            ("==3.11.*", &["3.11.2"], &["3.12.0"]),
            ("!=3.11", &["3.12.0"], &["3.11.9"]),
            ("<=3.11", &["3.11.9", "3.8.1"], &["3.12.0"]),
            (">3.11", &["3.12.0"], &["3.11.9"]),
            ("~=3.11", &["3.11.0", "3.13.0"], &["3.10.0", "4.0.0"]),
            ("~=3.11.2", &["3.11.9"], &["3.12.0", "3.11.1"]),
            ("python3.11", &["3.11.2"], &["3.12.0"]),
            ("3.14.0rc1", &["3.14.0rc1"], &["3.14.0", "3.14.0rc2"]),
        ] {
            let request: PythonRequest = request.parse().unwrap();
            for version in fits {
                let misfit = request.misfit(&python(version, "CPython", false));
                assert_eq!(misfit, None, "{request}: {version}");
            }
            for version in others {
                let found = python(version, "CPython", false);
                assert!(request.misfit(&found).is_some(), "{request}: {version}");
            }
        }
    }

    #[test]
    fn special_builds_are_chosen_only_by_name() {
        let fits = |request: &str, version: &str, implementation: &str, free: bool| {
            let request: PythonRequest = request.parse().unwrap();
            request.misfit(&python(version, implementation, free)).is_none()
        };
        assert!(!fits("3.13", "3.13.0", "CPython", true));
        assert!(fits("3.13t", "3.13.0", "CPython", true));
        assert!(!fits("3.13t", "3.13.0", "CPython", false));
        assert!(!fits("3.14", "3.14.0a3", "CPython", false));
        assert!(fits("pypy3.10", "3.10.14", "PyPy", false));
        assert!(fits("pypy", "3.10.14", "PyPy", false));
        assert!(!fits("cpython3.10", "3.10.14", "PyPy", false));
        assert!(!fits("pypy3.10", "3.10.14", "CPython", false));
    }

    #[test]
    fn version_in_a_name_excludes_what_cannot_fit() {
        for (request, named, fits) in [
            ("3.12", (3, 12), true),
            ("3.12", (3, 1), false),
            ("3.12.4", (3, 12), true),
            (">=3.11,<3.13", (3, 13), false),
            (">3.11.4", (3, 11), true),
            ("3.14.0rc1", (3, 14), true),
            ("pypy", (2, 7), true),
        ] {
            let request: PythonRequest = request.parse().unwrap();
            assert_eq!(request.may_fit(named), fits, "{request}: {named:?}");
        }
    }

    #[test]
    fn text_that_is_no_request_is_invalid() {
        for text in [
            "", "x", "3.", "3..1", "3.1.2.3", "3.11xx", ">=", "three", "jython3", ">=3.11,",
        ] {
            let error = text.parse::<PythonRequest>().unwrap_err();
            assert!(error.to_string().contains("3.13t"), "{text}: {error}");
        }
    }

    #[test]
    fn path_may_be_any_version() {
        let request: PythonRequest = "/usr/bin/python3".parse().unwrap();
        assert!(request.path().is_some() && request.may_fit((2, 7)));
        let request: PythonRequest = "3.11".parse().unwrap();
        assert!(request.path().is_none() && !request.may_fit((2, 7)));
    }
}
