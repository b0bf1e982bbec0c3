//! Names the likely cause of a failure from the collected evidence.
//!
//! [`Evidence`] contains the facts about an engine, an environment and its commands. [`diagnose`]
//! uses only these facts, so the same evidence always results in the same [`Diagnosis`].

mod evidence;
mod exits;
mod likely_cause;
mod programs;
mod rules;
mod texts;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::evidence::{Evidence, FailedCommand, Platforms, ProgramFile};
pub use self::likely_cause::LikelyCause;

/// The likely cause of a failure.
///
/// `Display` prints the cause, the remedy, and the evidence, on several lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The cause.
    pub cause: LikelyCause,
    /// The evidence: lines of output, messages of the daemon, an exit code.
    pub because: Vec<String>,
}

impl Diagnosis {
    fn new(cause: LikelyCause, because: impl Into<String>) -> Self {
        Self {
            cause,
            because: vec![because.into()],
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause, self.cause.hint())?;
        for line in &self.because {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// The likely cause of a failure. A report of an engine or the kernel has priority over the output
/// of a program, which has priority over an exit code. The output counts only if the program has
/// failed.
///
/// ```
/// use isolation::{Evidence, ExitStatus, LikelyCause, diagnose};
///
/// let evidence = Evidence {
///     exit: Some(ExitStatus::from_code(1)),
///     stderr: vec!["wget: bad address 'db'".to_owned()],
///     ..Evidence::default()
/// };
/// assert_eq!(diagnose(&evidence).cause, LikelyCause::NameNotResolved);
/// ```
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    let rules = [
        exits::enforced,
        programs::by_error,
        texts::of_error,
        programs::by_output,
        texts::of_output,
        exits::by_code,
        exits::never_ready,
    ];
    let found = rules.iter().find_map(|rule| rule(evidence));
    found.unwrap_or_else(|| Diagnosis {
        cause: LikelyCause::Unknown,
        because: evidence.error.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_without_evidence_is_unknown() {
        let diagnosis = diagnose(&Evidence::default());
        assert_eq!(diagnosis.cause, LikelyCause::Unknown);
        let error = vec!["cannot x: y".to_owned()];
        let diagnosis = diagnose(&Evidence {
            error: error.clone(),
            ..Evidence::default()
        });
        assert_eq!(diagnosis.because, error);
    }

    #[test]
    fn missing_image_of_a_sandbox_needs_no_login() {
        let text = "the engine sandbox does not have the image x; import it with `isolate image import`";
        let diagnosis = diagnose(&Evidence {
            error: vec![text.to_owned()],
            ..Evidence::default()
        });
        assert_eq!(diagnosis.cause, LikelyCause::Unknown);
    }

    #[test]
    fn diagnosis_is_printed_with_hint_and_reasons() {
        let diagnosis = Diagnosis::new(LikelyCause::DiskFull, "sh: write error: No space left on device");
        let text = diagnosis.to_string();
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("no space is left on a disk; "), "{text}");
        assert_eq!(lines.next(), Some("sh: write error: No space left on device"));
    }
}
