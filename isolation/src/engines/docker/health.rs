//! The health check of a container: that of its image, and who runs it.

use std::time::{Duration, SystemTime};

use engine_api::Version;
use engine_api::common::{HealthConfig, Timestamp};
use engine_api::containers::{Health as Reported, HealthProbe, HealthStatus};
use engine_api::images::InspectImage;

use super::container::ContainerRef;
use super::diagnostics::to_error;
use crate::command::Command;
use crate::command::exit_status::ExitStatus;
use crate::engine::instance::HealthState;
use crate::engine::watch::Health;
use crate::error::Result;
use crate::history::CheckResult;
use crate::spec::EnvironmentSpec;
use crate::spec::health::HealthSpec;
use crate::spec::lifetime::Lifetime;

/// From this version on, the pause between two checks in the start period is a setting of its own,
/// with a default of five seconds.
pub(super) const START_INTERVAL: Version = Version::new(1, 44);

/// The health check of a container with this specification; `None` is that of the image.
pub(super) fn config(spec: &EnvironmentSpec, podman: bool, start_interval: bool) -> Option<HealthConfig> {
    let health = spec.health.as_ref()?;
    if !is_daemons(spec, podman) {
        // Otherwise both would run one.
        return Some(HealthConfig {
            test: ["NONE"].into(),
            ..HealthConfig::default()
        });
    }
    let start_period = health.start_period.map_or(0, nanoseconds);
    Some(HealthConfig {
        test: match &health.check {
            Some(check) => std::iter::once("CMD".to_owned())
                .chain(check.argv.clone())
                .collect(),
            None => Vec::<String>::new().into(),
        },
        interval: nanoseconds(health.pause()),
        timeout: nanoseconds(health.limit()),
        retries: health.most_failures().into(),
        start_period,
        start_interval: match start_interval && start_period > 0 {
            true => nanoseconds(health.pause()),
            false => 0,
        },
    })
}

/// Whether the daemon runs the health check: of an environment that outlives its process, if the
/// check is a plain command. Podman needs systemd for it.
pub(super) fn is_daemons(spec: &EnvironmentSpec, podman: bool) -> bool {
    let is_plain = |check: &Command| {
        *check
            == Command {
                argv: check.argv.clone(),
                ..Command::default()
            }
    };
    let runnable = |health: &HealthSpec| !health.disabled && health.check.as_ref().is_none_or(is_plain);
    spec.lifetime == Lifetime::Kept && !podman && spec.health.as_ref().is_some_and(runnable)
}

/// The shortest duration that the daemon takes is a millisecond.
fn nanoseconds(duration: Duration) -> i64 {
    let duration = duration.max(Duration::from_millis(1));
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The health check of the image of a container. That of the container may be disabled, because
/// this process runs it.
pub(super) async fn of_image(container: &ContainerRef) -> Result<Option<Command>> {
    let image = container.inspect().await.map_err(to_error)?.image;
    let images = container.docker.images();
    let image = images.inspect(&image, InspectImage::default()).await;
    let config = image.map_err(to_error)?.config.unwrap_or_default();
    Ok(config.healthcheck.as_ref().and_then(command))
}

/// The command of a check: `["CMD", args…]`, `["CMD-SHELL", line]` or `["NONE"]`.
fn command(check: &HealthConfig) -> Option<Command> {
    let mut words = check.test.iter().cloned();
    match words.next()?.as_str() {
        "CMD" => Some(Command::new(words)),
        "CMD-SHELL" => Some(Command::shell(words.next()?)),
        _ => None,
    }
}

/// The health as the daemon has found it.
pub(super) fn found(reported: &Reported) -> Option<HealthState> {
    let status = match reported.status {
        HealthStatus::Starting => Health::Starting,
        HealthStatus::Healthy => Health::Healthy,
        HealthStatus::Unhealthy => Health::Unhealthy,
        _ => return None,
    };
    let checks = reported.log.iter().map(check_result).collect();
    Some(HealthState { status, checks })
}

fn check_result(probe: &HealthProbe) -> CheckResult {
    let end = Timestamp::from_rfc3339(&probe.end).ok();
    // An unreadable time is not worth the loss of the output.
    let at = end
        .and_then(|end| end.to_system_time())
        .unwrap_or(SystemTime::UNIX_EPOCH);
    // The daemon has killed the check, or could not run it.
    let exit = i32::try_from(probe.exit_code).ok().filter(|code| *code >= 0);
    CheckResult::by_engine(at, exit.map(ExitStatus::from_code), &probe.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> EnvironmentSpec {
        EnvironmentSpec::from_json(json).unwrap()
    }

    #[test]
    fn check_of_an_image_is_a_command() {
        let command = |test: &[&str]| {
            let test = test.iter().map(|word| (*word).to_owned()).collect();
            command(&HealthConfig {
                test,
                ..HealthConfig::default()
            })
        };
        assert_eq!(command(&["CMD", "ping", "x"]), Some(Command::new(["ping", "x"])));
        assert_eq!(
            command(&["CMD-SHELL", "ping || exit 1"]),
            Some(Command::shell("ping || exit 1"))
        );
        assert_eq!(command(&["NONE"]), None);
        assert_eq!(command(&[]), None);
    }

    #[test]
    fn only_one_of_both_runs_the_check() {
        assert_eq!(config(&spec("{}"), false, true), None, "that of the image stays");
        let check = r#""health": {"check": {"argv": ["ping"]}, "interval": "2s", "start_period": "9s"}"#;
        let owned = spec(&format!("{{{check}}}"));
        assert_eq!(config(&owned, false, true).unwrap().test, ["NONE"]);
        assert!(!is_daemons(&owned, false));
        let kept = spec(&format!(r#"{{"lifetime": "kept", {check}}}"#));
        assert!(is_daemons(&kept, false) && !is_daemons(&kept, true));
        assert_eq!(config(&kept, true, true).unwrap().test, ["NONE"]);
        let newer = config(&kept, false, true).unwrap();
        assert_eq!(newer.test, ["CMD", "ping"]);
        assert_eq!((newer.interval, newer.retries), (2_000_000_000, 3));
        assert_eq!(
            (newer.start_period, newer.start_interval),
            (9_000_000_000, 2_000_000_000)
        );
        assert_eq!(config(&kept, false, false).unwrap().start_interval, 0);
        let with_input = r#"{"lifetime": "kept", "health": {"check": {"argv": ["cat"], "env": {"A": "1"}}}}"#;
        assert!(!is_daemons(&spec(with_input), false));
        let disabled = spec(r#"{"lifetime": "kept", "health": {"disabled": true}}"#);
        assert_eq!(config(&disabled, false, true).unwrap().test, ["NONE"]);
    }

    #[test]
    fn outputs_of_the_daemon_are_read() {
        let reported: Reported = engine_api::from_json(
            br#"{"Status": "unhealthy", "FailingStreak": 2, "Log": [
                {"Start": "2026-01-02T03:04:05Z", "End": "2026-01-02T03:04:06Z", "ExitCode": 1, "Output": "no"},
                {"Start": "", "End": "", "ExitCode": -1, "Output": "timeout"}]}"#,
        )
        .unwrap();
        let state = found(&reported).unwrap();
        assert_eq!(state.status, Health::Unhealthy);
        assert_eq!(state.checks[0].exit, Some(ExitStatus::from_code(1)));
        assert_eq!(
            (state.checks[0].output.as_str(), state.checks[1].exit),
            ("no", None)
        );
    }

    #[test]
    fn health_without_a_check_is_not_reported() {
        let none: Reported = engine_api::from_json(br#"{"Status": "none", "Log": []}"#).unwrap();
        assert_eq!(found(&none), None);
    }
}
