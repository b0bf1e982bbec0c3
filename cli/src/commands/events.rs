//! `isolate events`: prints what happens in environments, as it happens.

use std::time::SystemTime;

use clap::Args;
use isolation::{Event, Subject};
use serde_json::Value;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::registry;
use crate::session::Session;

/// Print what happens in environments, as it happens
///
/// The events are starts, ends, signals, kills at the memory limit, changes of health, and
/// removals. They include those of environments that other processes have created. Press Ctrl-C to
/// end it.
///
/// With --since, the events that the engine has stored since then are printed first: Docker stores
/// the last 256 events of all kinds since its start.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Names or IDs of environments; a beginning of an ID is enough [default: all]
    #[arg(value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// The engine to watch
    #[arg(long, value_name = "NAME", default_value = registry::DOCKER)]
    engine: String,
    /// Begin with the stored events since this time: 2026-11-28T18:00:00Z, a Unix time, or 10m for
    /// the last ten minutes
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    since: Option<SystemTime>,
    /// End at this time, in the same forms
    #[arg(long, value_name = "TIME", value_parser = parse::time, requires = "since")]
    until: Option<SystemTime>,
}

impl Events {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        if let Some(since) = self.since {
            return self.print_since(session, console, since).await;
        }
        let mut events = session.manager().subscribe();
        let _watching = session.manager().watch(&self.engine).await?;
        console.detail(&format!("watching the engine {}", self.engine));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.print(&event, console)?,
                Err(lagged) => console.warning(&lagged.to_string()),
            }
        }
        Err(CliError::new("the engine reports nothing more"))
    }

    async fn print_since(
        &self,
        session: &Session,
        console: Console,
        since: SystemTime,
    ) -> Result<u8, CliError> {
        let manager = session.manager();
        let mut events = manager.past_events(&self.engine, since, self.until).await?;
        while let Some(event) = events.next().await {
            self.print(&event?, console)?;
        }
        match self.until {
            Some(_) => Ok(exit_code::SUCCESS),
            None => Err(CliError::new("the engine reports nothing more")),
        }
    }

    fn print(&self, event: &Event, console: Console) -> Result<(), CliError> {
        match self.is_wanted(&event.subject) {
            false => Ok(()),
            true if console.json => console.value(event),
            true => console.text(&text(event)?),
        }
    }

    /// Whether the event belongs to one of the given environments. An event of the engine belongs
    /// to all.
    fn is_wanted(&self, subject: &Subject) -> bool {
        let Subject::Environment { id, name, .. } = subject else {
            return true;
        };
        let is_it = |given: &String| id.as_str().starts_with(given.as_str()) || name == given;
        self.environments.is_empty() || self.environments.iter().any(is_it)
    }
}

/// A line: time, name, event, and the fields of its kind.
fn text(event: &Event) -> Result<String, CliError> {
    let value = serde_json::to_value(event).map_err(|error| CliError::output(&error.into()))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{}  {}  {}", field("at"), event.subject.name(), field("type"));
    for (name, value) in value.as_object().into_iter().flatten() {
        if !["at", "type", "subject", "sequence"].contains(&name.as_str()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line.push_str(&format!("  {name}={text}"));
        }
    }
    Ok(line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_one_line() {
        let json = r#"{"sequence": 3, "at": "2025-11-28T18:29:37.250000000Z", "type": "killed", "signal": "TERM",
            "subject": {"environment": {"id": "0123456789abcdef", "name": "web", "engine": "docker"}}}"#;
        let event: Event = serde_json::from_str(json).unwrap();
        let line = text(&event).unwrap();
        assert_eq!(line, "2025-11-28T18:29:37.250000000Z  web  killed  signal=TERM\n");
        let wanted = |given: &[&str]| {
            let events = Events {
                environments: given.iter().map(|given| (*given).to_owned()).collect(),
                engine: "docker".into(),
                since: None,
                until: None,
            };
            events.is_wanted(&event.subject)
        };
        assert!(wanted(&[]) && wanted(&["web"]) && wanted(&["other", "0123"]));
        assert!(!wanted(&["other"]));
    }
}
