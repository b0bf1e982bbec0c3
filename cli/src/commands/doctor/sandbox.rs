//! Whether the engine `sandbox` can be used, which needs no daemon.

use isolation::Availability;

/// Whether a sandbox can be started here; `None` on a system that has none.
#[cfg(target_os = "linux")]
pub(super) async fn availability() -> Option<Availability> {
    use isolation::Engine;
    let engine = isolation::engines::sandbox::SandboxEngine::new();
    Some(engine.probe().await.availability)
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn availability() -> Option<Availability> {
    None
}

/// A line about it.
pub(super) fn text(sandbox: Option<&Availability>) -> String {
    let why = sandbox.map_or("not available: it needs Linux".to_owned(), ToString::to_string);
    format!("Engine sandbox: {why}\n")
}

/// What runs a command where no daemon answers.
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
