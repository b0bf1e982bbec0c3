//! Conditions for an environment to be ready.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::health::HealthSpec;
use super::main_process::Main;
use super::units;
use super::validate::{self, Faults};
use crate::command::Command;
use crate::error::{Error, Result};
use crate::logs::OutputStream;
use crate::short::short;

/// The default timeout.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The condition for an environment to be ready. [`Environment::start`](crate::Environment::start)
/// waits for it, and fails if it is not true before the timeout.
///
/// ```
/// use isolation::{Readiness, WaitFor};
///
/// let database = Readiness::from(WaitFor::Port(5432));
/// let spec = isolation::EnvironmentSpec { ready: Some(database), ..Default::default() };
/// # assert!(spec.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// The condition.
    pub wait_for: WaitFor,
    /// The timeout, from the start of the environment; `None` is 60 seconds. In JSON a number of
    /// seconds, or a text such as `"30s"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(default, with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

impl From<WaitFor> for Readiness {
    fn from(wait_for: WaitFor) -> Self {
        Self {
            wait_for,
            timeout: None,
        }
    }
}

/// A condition for [`Environment::wait_until`](crate::Environment::wait_until).
///
/// As text, for example on a command line:
///
/// ```
/// use isolation::{LogProbe, WaitFor};
///
/// assert_eq!("port:5432".parse::<WaitFor>()?, WaitFor::Port(5432));
/// assert_eq!("log:ready".parse::<WaitFor>()?, WaitFor::Log(LogProbe::new("ready")));
/// assert_eq!("file:/run/ready".parse::<WaitFor>()?, WaitFor::File("/run/ready".into()));
/// let page: WaitFor = "http:8080/health".parse()?;
/// let script: WaitFor = "exec:pg_isready -q".parse()?;
/// assert_eq!("exit:0".parse::<WaitFor>()?, WaitFor::Exit(0));
/// assert_eq!("healthy".parse::<WaitFor>()?, WaitFor::Healthy);
/// # let _ = (page, script);
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitFor {
    /// A program listens on this TCP port inside. A published port must also be reachable from this
    /// machine.
    Port(u16),
    /// A web server replies on a published port.
    Http(HttpProbe),
    /// The main process has written a line.
    Log(LogProbe),
    /// The command exits with code 0.
    Command(Command),
    /// The file exists inside.
    File(String),
    /// The main process has exited with this code.
    Exit(i32),
    /// The health check succeeds: that of the specification, or of the image if the specification
    /// has no [`health`](crate::EnvironmentSpec::health). The wait fails as soon as the environment
    /// is unhealthy.
    Healthy,
    /// All of them.
    All(Vec<WaitFor>),
    /// One of them.
    Any(Vec<WaitFor>),
}

/// A reply of a web server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// The port inside, which must be published.
    pub port: u16,
    /// The path, with an optional query.
    #[serde(default = "root")]
    pub path: String,
    /// The expected status; `None` is every status from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

fn root() -> String {
    "/".to_owned()
}

/// A line in the log of the main process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogProbe {
    /// A regular expression that matches a part of the line.
    pub pattern: String,
    /// The number of lines that must match: some servers start twice.
    #[serde(default = "once")]
    pub count: u32,
    /// The stream to which the line is written; `None` is either one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<OutputStream>,
}

fn once() -> u32 {
    1
}

impl LogProbe {
    /// One line on either stream.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            count: 1,
            stream: None,
        }
    }

    pub(crate) fn regex(&self) -> Result<regex::bytes::Regex> {
        regex::bytes::Regex::new(&self.pattern).map_err(|error| {
            // The text of the library shows the position on several lines.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            Error::invalid(format!(
                "{:?} is not a regular expression: {reason}; escape special characters with \\",
                short(&self.pattern)
            ))
        })
    }
}

impl Readiness {
    pub(super) fn check(&self, main: &Main, health: Option<&HealthSpec>, faults: &mut Faults) {
        if self.wait_for.needs_health() && health.is_some_and(|health| health.disabled) {
            let why = "waiting for the health check needs one; remove disabled from health";
            faults.add(Err(Error::invalid(why)));
        }
        if self.timeout == Some(Duration::ZERO) {
            let why = "the timeout of a wait must be greater than 0; omit it for 60 s";
            faults.add(Err(Error::invalid(why)));
        }
        self.wait_for.check(*main != Main::Idle, faults);
    }
}

impl WaitFor {
    /// Whether a part of it is about the health check.
    pub(crate) fn needs_health(&self) -> bool {
        match self {
            Self::Healthy => true,
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::needs_health),
            _ => false,
        }
    }

    /// Rejects a condition that can never come true.
    pub(crate) fn check(&self, has_main: bool, faults: &mut Faults) {
        let needs_main = |what: &str| match has_main {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "waiting for {what} needs a main process; name its command, or start the image's own program"
            ))),
        };
        match self {
            Self::Port(port) => faults.add(check_port(*port)),
            Self::Http(probe) => {
                faults.add(check_port(probe.port));
                if !probe.path.starts_with('/') || probe.path.chars().any(|c| c.is_control() || c == ' ') {
                    let why = format!(
                        "{:?} is not the path of a URL; start it with /",
                        short(&probe.path)
                    );
                    faults.add(Err(Error::invalid(why)));
                }
            }
            Self::Log(probe) => {
                faults.add(needs_main("a line of the log"));
                faults.add(probe.regex().map(drop));
                faults.add(validate::positive(Some(probe.count.into())));
            }
            Self::Command(command) => faults.add(command.validate()),
            Self::File(path) => faults.add(validate::text("the path of a wait", path)),
            Self::Exit(_) => faults.add(needs_main("its end")),
            Self::Healthy => {}
            Self::All(conditions) | Self::Any(conditions) => {
                if conditions.is_empty() {
                    let why = "a list of conditions is empty; name one, or remove the list";
                    faults.add(Err(Error::invalid(why)));
                }
                for condition in conditions {
                    condition.check(has_main, faults);
                }
            }
        }
    }
}

fn check_port(port: u16) -> Result<()> {
    match port {
        0 => Err(Error::invalid("a port is a number from 1 to 65535")),
        _ => Ok(()),
    }
}

/// For messages.
impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, conditions: &[Self]| {
            for (at, condition) in conditions.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{condition}")?;
            }
            Ok(())
        };
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Http(probe) => write!(f, "http on port {}{}", probe.port, probe.path),
            Self::Log(probe) if probe.count > 1 => {
                write!(f, "{} lines of the log like {:?}", probe.count, probe.pattern)
            }
            Self::Log(probe) => write!(f, "a line of the log like {:?}", probe.pattern),
            Self::Command(command) => write!(f, "the command {}", command.program()),
            Self::File(path) => write!(f, "the file {path}"),
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Healthy => f.write_str("the health check"),
            Self::All(conditions) => list(f, "and", conditions),
            Self::Any(conditions) => list(f, "or", conditions),
        }
    }
}

impl FromStr for WaitFor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid(format!(
                "{text:?} is not a condition; write port:5432, http:8080/path, log:PATTERN, \
                 file:/path, exec:SCRIPT, exit:0 or healthy",
                text = short(text)
            ))
        };
        if text == "healthy" {
            return Ok(Self::Healthy);
        }
        let (kind, value) = text.split_once(':').ok_or_else(invalid)?;
        let port = |digits: &str| {
            digits
                .parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(invalid)
        };
        let parsed = match kind {
            "port" => Self::Port(port(value)?),
            "http" => {
                let (number, path) = match value.find('/') {
                    Some(at) => value.split_at(at),
                    None => (value, "/"),
                };
                Self::Http(HttpProbe {
                    port: port(number)?,
                    path: path.to_owned(),
                    status: None,
                })
            }
            "log" if !value.is_empty() => Self::Log(LogProbe::new(value)),
            "file" if !value.is_empty() => Self::File(value.to_owned()),
            "exec" if !value.trim().is_empty() => Self::Command(Command::shell(value)),
            "exit" => Self::Exit(value.parse().map_err(|_| invalid())?),
            _ => return Err(invalid()),
        };
        let mut faults = Faults::default();
        parsed.check(true, &mut faults);
        faults.into_result().map(|()| parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_condition_names_the_forms() {
        for text in [
            "", "port", "port:", "port:0", "port:x", "http:", "http:x/", "log:", "file:", "exec: ", "exit:a",
            "x:1",
        ] {
            let error = text.parse::<WaitFor>().unwrap_err().to_string();
            assert!(error.contains("port:5432"), "{text}: {error}");
        }
        let error = "log:a(".parse::<WaitFor>().unwrap_err().to_string();
        assert!(
            error.contains("unclosed group") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn condition_that_cannot_come_true_is_a_fault() {
        let faults = |wait_for: WaitFor, main: Main| {
            let mut faults = Faults::default();
            Readiness::from(wait_for).check(&main, Some(&HealthSpec::disabled()), &mut faults);
            faults.into_result().map_err(|error| error.to_string())
        };
        for (condition, word) in [
            (WaitFor::Exit(0), "main process"),
            (WaitFor::Log(LogProbe::new("x")), "main process"),
            (WaitFor::Port(0), "65535"),
            (WaitFor::All(Vec::new()), "empty"),
            (WaitFor::Any(vec![WaitFor::Healthy]), "remove disabled"),
            (
                WaitFor::Any(vec![WaitFor::Command(Command::default())]),
                "command is empty",
            ),
        ] {
            let error = faults(condition.clone(), Main::Idle).unwrap_err();
            assert!(error.contains(word), "{condition}: {error}");
        }
        assert!(faults(WaitFor::Exit(0), Main::Image).is_ok());
    }

    #[test]
    fn conditions_round_trip_as_json() {
        let text = r#"{"wait_for":{"any":[{"port":80},{"http":{"port":8080}},{"log":{"pattern":"up"}},{"exit":0},"healthy"]},"timeout":"5s"}"#;
        let ready: Readiness = serde_json::from_str(text).unwrap();
        assert_eq!(ready.timeout, Some(Duration::from_secs(5)));
        let again = serde_json::to_string(&ready).unwrap();
        assert_eq!(
            serde_json::from_str::<Readiness>(&again).unwrap(),
            ready,
            "{again}"
        );
        assert_eq!(
            ready.wait_for.to_string(),
            "port 80 or http on port 8080/ or a line of the log like \"up\" or exit code 0 or the health check"
        );
    }

    #[test]
    fn health_is_a_condition_without_a_value() {
        assert_eq!("healthy".parse::<WaitFor>().unwrap(), WaitFor::Healthy);
        assert!("healthy:1".parse::<WaitFor>().is_err());
    }
}
