//! Whether the engine `sandbox`, which needs no daemon, can be used.

use isolation::Availability;

use crate::global::Global;

/// Whether a sandbox can be started here. A replay is about the recorded machine, not about this
/// one.
pub(super) async fn look(global: &Global) -> Option<Availability> {
    match global.replay {
        Some(_) => None,
        None => Some(availability().await),
    }
}

#[cfg(target_os = "linux")]
async fn availability() -> Availability {
    use isolation::Engine;
    let engine = isolation::engines::sandbox::SandboxEngine::new();
    engine.probe().await.availability
}

#[cfg(not(target_os = "linux"))]
async fn availability() -> Availability {
    Availability::Unavailable {
        reason: "it needs Linux".to_owned(),
        hint: "use the engine docker".to_owned(),
    }
}

/// A line about the sandbox, if it was checked.
pub(super) fn text(sandbox: Option<&Availability>) -> String {
    sandbox.map_or_else(String::new, |found| format!("Engine sandbox: {found}\n"))
}

/// The engine that runs a command if no daemon answers.
pub(super) fn without_a_daemon(sandbox: Option<&Availability>) -> &'static str {
    match sandbox.is_some_and(Availability::is_available) {
        true => "No Docker daemon answers; `isolate run` can use a sandbox (--engine sandbox)\n",
        false => {
            "No Docker daemon answers; `isolate run` can use a temporary directory on this machine \
             (--engine basic)\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_without_a_daemon_is_the_strongest_one() {
        let available = Availability::Available {
            detail: "bubblewrap 0.8.0".into(),
        };
        let unavailable = Availability::Unavailable {
            reason: "no namespaces".into(),
            hint: "allow them".into(),
        };
        assert!(without_a_daemon(Some(&available)).contains("--engine sandbox"));
        assert!(without_a_daemon(Some(&unavailable)).contains("--engine basic"));
        assert!(without_a_daemon(None).contains("--engine basic"));
        let expected = "Engine sandbox: not available: no namespaces; allow them\n";
        assert_eq!(text(Some(&unavailable)), expected);
        assert_eq!(
            text(Some(&available)),
            "Engine sandbox: available: bubblewrap 0.8.0\n"
        );
    }
}
