//! The options of the health check and of restarts: of `run` and `create`.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::{Command, EnvironmentSpec, HealthSpec, Recovery, RestartOnExit, RestartSpec};

use crate::parse;

/// Options of the health check and of restarts.
#[derive(Debug, Default, Args)]
pub(crate) struct SupervisionOptions {
    /// Shell command of the health check. isolate runs it until isolate exits; in a kept
    /// environment, the daemon runs it
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// Pause between two health checks; shorter until the first success [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    health_interval: Option<Duration>,
    /// Timeout of a health check [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    health_timeout: Option<Duration>,
    /// Number of failures in a row that make the environment unhealthy [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    health_retries: Option<u32>,
    /// Time after a start in which failures do not count [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = parse::grace)]
    health_start_period: Option<Duration>,
    /// Run no health check, not even that of the image
    #[arg(long, conflicts_with_all = [
        "health_cmd", "health_interval", "health_timeout", "health_retries", "health_start_period",
        "restart_unhealthy",
    ])]
    no_healthcheck: bool,
    /// Restart the command when it exits: no, on-failure, always, or with the maximum number of
    /// restarts in a row: on-failure:5. isolate restarts it, not the daemon, until isolate exits
    #[arg(long, value_name = "POLICY[:MAX]")]
    restart: Option<Policy>,
    /// Also restart the environment when it becomes unhealthy
    #[arg(long)]
    restart_unhealthy: bool,
    /// Action instead of a plain restart
    #[arg(long, value_enum, value_name = "ACTION")]
    recovery: Option<Action>,
}

/// When the command is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    on_exit: RestartOnExit,
    most: Option<u32>,
}

/// How the environment is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Restart it; its files stay
    Restart,
    /// Create it again; only volumes and mounts keep their files
    Recreate,
    /// Do not restart it; every later use of it fails
    Fail,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a policy; write no, on-failure, on-failure:5 or always");
        let (name, most) = match text.split_once(':') {
            Some((name, most)) => (name, Some(most.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let on_exit = match name {
            "no" if most.is_none() => RestartOnExit::Never,
            "on-failure" => RestartOnExit::Failure,
            // Docker's two policies differ only in restarts after a stop. Here, a stop always ends
            // the restarts.
            "always" | "unless-stopped" => RestartOnExit::Always,
            _ => return Err(invalid()),
        };
        Ok(Self { on_exit, most })
    }
}

impl SupervisionOptions {
    pub(super) fn fill(&self, spec: &mut EnvironmentSpec) {
        if self.no_healthcheck {
            spec.health = Some(HealthSpec::disabled());
        }
        let given = HealthSpec {
            check: self.health_cmd.clone().map(Command::shell),
            interval: self.health_interval,
            timeout: self.health_timeout,
            retries: self.health_retries,
            start_period: self.health_start_period,
            ..HealthSpec::default()
        };
        if given != HealthSpec::default() {
            let before = spec.health.take().unwrap_or_default();
            spec.health = Some(HealthSpec {
                disabled: false,
                check: given.check.or(before.check),
                interval: given.interval.or(before.interval),
                timeout: given.timeout.or(before.timeout),
                retries: given.retries.or(before.retries),
                start_period: given.start_period.or(before.start_period),
            });
        }
        if self.restart.is_none() && !self.restart_unhealthy && self.recovery.is_none() {
            return;
        }
        let mut restart = spec.restart.take().unwrap_or(RestartSpec {
            // Only what is asked for.
            on_exit: RestartOnExit::Never,
            ..RestartSpec::default()
        });
        if let Some(policy) = self.restart {
            (restart.on_exit, restart.max_attempts) = (policy.on_exit, policy.most);
        }
        restart.on_unhealthy |= self.restart_unhealthy;
        restart.recovery = match self.recovery {
            None => restart.recovery,
            Some(Action::Restart) => Recovery::Restart,
            Some(Action::Recreate) => Recovery::Recreate,
            Some(Action::Fail) => Recovery::Fail,
        };
        let never = restart.on_exit == RestartOnExit::Never && !restart.on_unhealthy;
        spec.restart = Some(restart).filter(|_| !never || self.recovery.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_is_that_of_the_docker_command() {
        let read = |text: &str| text.parse::<Policy>().map(|policy| (policy.on_exit, policy.most));
        assert_eq!(read("no"), Ok((RestartOnExit::Never, None)));
        assert_eq!(read("on-failure:5"), Ok((RestartOnExit::Failure, Some(5))));
        assert_eq!(read("always"), Ok((RestartOnExit::Always, None)));
        for text in [
            "",
            "sometimes",
            "on-failure:",
            "on-failure:x",
            "no:3",
            "always:-1",
        ] {
            assert!(read(text).unwrap_err().contains("on-failure:5"), "{text}");
        }
    }

    #[test]
    fn options_override_the_specification() {
        let mut spec = EnvironmentSpec::from_json(
            r#"{"health": {"check": {"argv": ["ping"]}, "retries": 7}, "restart": {"max_attempts": 2}}"#,
        )
        .unwrap();
        let options = SupervisionOptions {
            health_interval: Some(Duration::from_secs(1)),
            restart_unhealthy: true,
            ..SupervisionOptions::default()
        };
        options.fill(&mut spec);
        let health = spec.health.clone().unwrap();
        assert_eq!(
            (health.retries, health.interval),
            (Some(7), Some(Duration::from_secs(1)))
        );
        assert!(health.check.is_some());
        let restart = spec.restart.clone().unwrap();
        assert_eq!(
            (restart.max_attempts, restart.on_exit),
            (Some(2), RestartOnExit::Failure)
        );
        assert!(restart.on_unhealthy);
        let off = SupervisionOptions {
            no_healthcheck: true,
            restart: Some("no".parse().unwrap()),
            ..SupervisionOptions::default()
        };
        let mut spec = EnvironmentSpec::default();
        off.fill(&mut spec);
        assert_eq!(spec.health, Some(HealthSpec::disabled()));
        assert_eq!(spec.restart, None);
    }
}
