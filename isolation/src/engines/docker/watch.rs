//! Reports what the daemon's events say about environments.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine_api::Docker;
use engine_api::system::{
    Event, EventFilters, EventKind, EventOrGap, ListenEvents, ReconnectOptions, ResilientEvents,
};

use super::diagnostics::to_error;
use super::labels;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engine::watch::{Health, Observed, Report, Reports, Watching};
use crate::environment::id::EnvironmentId;
use crate::error::Result;

/// Starts to read the events, in a task of its own: a daemon drops events for a slow reader.
pub(super) async fn watch(docker: &Docker, prefix: &str, reports: Reports) -> Result<Watching> {
    let events = listen(docker, (None, None)).await?;
    Ok(Watching::new(tokio::spawn(read(
        events,
        prefix.to_owned(),
        reports,
    ))))
}

/// Podman stops reading its stored events at the given time, also in their middle, so that it needs
/// time after the question.
const PODMAN_READS: Duration = Duration::from_secs(2);

/// Reads the events since a time that the daemon has stored, and the following ones.
pub(super) async fn past(
    docker: &Docker,
    prefix: &str,
    (since, until): (SystemTime, Option<SystemTime>),
    reports: Reports,
) -> Result<Watching> {
    docker.version().await.map_err(to_error)?;
    let asked = match until {
        Some(until) if docker.is_podman() == Some(true) => Some(until.max(SystemTime::now() + PODMAN_READS)),
        until => until,
    };
    let events = listen(docker, (Some(since), asked)).await?;
    let prefix = prefix.to_owned();
    Ok(Watching::new(tokio::spawn(read_past(
        events, prefix, until, reports,
    ))))
}

async fn listen(
    docker: &Docker,
    (since, until): (Option<SystemTime>, Option<SystemTime>),
) -> Result<ResilientEvents> {
    let filters = EventFilters {
        kind: vec![EventKind::Container],
        label: [labels::ENVIRONMENT].into(),
        ..EventFilters::default()
    };
    let options = ListenEvents {
        filters,
        since: since.map(Into::into),
        until: until.map(Into::into),
    };
    let forever = ReconnectOptions {
        timeout: None,
        ..ReconnectOptions::default()
    };
    let events = docker.system().resilient_events(options, forever).await;
    events.map_err(to_error)
}

/// The daemon sends stored events as fast as they are read, and drops new ones for a slow reader.
async fn read_past(mut events: ResilientEvents, prefix: String, until: Option<SystemTime>, reports: Reports) {
    let (mut kills, mut ours, began) = (MemoryKills::default(), Ours::default(), SystemTime::now());
    while let Some(item) = events.next().await {
        match item {
            Ok(EventOrGap::Event(event)) => {
                if let Some(mut report) = report(&event, &prefix, &mut ours) {
                    kills.complete(&mut report);
                    let at = time(&event);
                    if until.is_some_and(|until| at > until) {
                        continue;
                    }
                    match at < began {
                        true => reports.send_past(report, at).await,
                        false => reports.send_at(report, at),
                    }
                }
            }
            Ok(_) => reports.gap(),
            Err(error) => return reports.ended(format!("{error:#}")),
        }
    }
}

/// The time of an event. An old daemon has only whole seconds.
fn time(event: &Event) -> SystemTime {
    let nanos = match event.time_nano {
        0 => event.time.saturating_mul(1_000_000_000),
        nanos => nanos,
    };
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

async fn read(mut events: ResilientEvents, prefix: String, reports: Reports) {
    let (mut kills, mut ours) = (MemoryKills::default(), Ours::default());
    while let Some(item) = events.next().await {
        match item {
            Ok(EventOrGap::Event(event)) => {
                if let Some(mut report) = report(&event, &prefix, &mut ours) {
                    kills.complete(&mut report);
                    reports.send(report);
                }
            }
            Ok(_) => reports.gap(),
            Err(error) => return reports.ended(format!("{error:#}")),
        }
    }
}

/// The environments of which a process was killed at the memory limit, since their last start. The
/// event of an exit does not report it.
#[derive(Default)]
struct MemoryKills(HashSet<EnvironmentId>);

impl MemoryKills {
    fn complete(&mut self, report: &mut Report) {
        match &mut report.observed {
            Observed::OutOfMemory => {
                self.0.insert(report.id.clone());
            }
            Observed::Exited(exit) => exit.oom = self.0.remove(&report.id),
            Observed::Started | Observed::Removed => {
                self.0.remove(&report.id);
            }
            _ => {}
        }
    }
}

/// The IDs of containers that have had the name of an environment. A container of an image that was
/// made from ours has our labels, but never such a name.
#[derive(Default)]
struct Ours(HashSet<String>);

impl Ours {
    /// Whether the container of an event is ours, also if somebody has renamed it.
    fn has(&mut self, event: &Event, name: &str, id: &EnvironmentId) -> bool {
        let before = event.actor.attributes.get("oldName");
        let before = before.is_some_and(|before| labels::names(before, id));
        if labels::names(name, id) || before {
            self.0.insert(event.actor.id.clone());
        }
        match event.verb() {
            "destroy" | "remove" => self.0.remove(&event.actor.id),
            _ => self.0.contains(&event.actor.id),
        }
    }
}

/// The report of an event about an environment; `None` for other events.
fn report(event: &Event, prefix: &str, ours: &mut Ours) -> Option<Report> {
    let attribute = |name: &str| event.actor.attributes.get(name).map(String::as_str);
    let id: EnvironmentId = attribute(labels::ENVIRONMENT)?.parse().ok()?;
    let container = attribute("name")?;
    if !ours.has(event, container, &id) {
        return None;
    }
    let name = attribute(labels::NAME).unwrap_or_default().to_owned();
    let name = labels::current_name(container, prefix, &id, name);
    let observed = match event.verb() {
        "start" => Observed::Started,
        // Podman has other names.
        "die" | "died" => {
            let code = attribute("exitCode").or(attribute("containerExitCode"));
            let code = code.and_then(|code| code.parse().ok()).unwrap_or(-1);
            Observed::Exited(ExitStatus::from_code(code))
        }
        "pause" => Observed::Paused,
        "unpause" => Observed::Unpaused,
        "rename" => Observed::Renamed(name.clone()),
        "oom" => Observed::OutOfMemory,
        "health_status" => Observed::Health(match event.detail().or(attribute("health_status"))? {
            "healthy" => Health::Healthy,
            "unhealthy" => Health::Unhealthy,
            "starting" => Health::Starting,
            _ => return None,
        }),
        "kill" => Observed::Killed(attribute("signal").map(|signal| {
            let known = signal.parse::<Signal>();
            known.map_or_else(|_| signal.to_owned(), |signal| signal.name().to_owned())
        })),
        "restart" => Observed::Restarted,
        "destroy" | "remove" => Observed::Removed,
        _ => return None,
    };
    Some(Report { id, name, observed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, name: &str) -> Event {
        let json = format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"c","Attributes":{{
                "name":"{name}","exitCode":"7","signal":"15",
                "org.isolation.environment":"0123456789abcdef","org.isolation.name":"web"}}}}}}"#
        );
        engine_api::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn events_of_environments_are_reported() {
        let report = |event: &Event| report(event, "ptest_", &mut Ours::default());
        let observed = |action: &str| report(&event(action, "ptest_0123456789abcdef")).map(|r| r.observed);
        assert_eq!(observed("die"), Some(Observed::Exited(ExitStatus::from_code(7))));
        assert_eq!(observed("kill"), Some(Observed::Killed(Some("TERM".into()))));
        assert_eq!(
            observed("health_status: unhealthy"),
            Some(Observed::Health(Health::Unhealthy))
        );
        assert_eq!(observed("oom"), Some(Observed::OutOfMemory));
        assert_eq!(observed("exec_start: sh -c die"), None);
        let renamed = report(&event("rename", "ptest_api_0123456789abcdef")).unwrap();
        assert_eq!(
            (renamed.observed, renamed.name.as_str()),
            (Observed::Renamed("api".into()), "api")
        );
        assert_eq!(observed("pause"), Some(Observed::Paused));
        assert_eq!(observed("unpause"), Some(Observed::Unpaused));
        let strange = report(&event("die", "made_from_our_image"));
        assert_eq!(strange, None, "a container of an image with our labels");
    }

    #[test]
    fn renamed_container_stays_that_of_its_environment() {
        let mut ours = Ours::default();
        let mut renamed = event("rename", "elsewhere");
        assert_eq!(
            report(&renamed, "ptest_", &mut ours),
            None,
            "its old name is unknown"
        );
        let attributes = &mut renamed.actor.attributes;
        attributes.insert("oldName".to_owned(), "/ptest_web_0123456789abcdef".to_owned());
        let seen = report(&renamed, "ptest_", &mut ours).unwrap();
        assert_eq!(seen.observed, Observed::Renamed("web".into()));
        for (action, expected) in [
            ("die", Some(Observed::Exited(ExitStatus::from_code(7)))),
            ("destroy", Some(Observed::Removed)),
            // Of another container from now on.
            ("die", None),
        ] {
            let seen = report(&event(action, "elsewhere"), "ptest_", &mut ours);
            assert_eq!(seen.map(|seen| seen.observed), expected, "{action}");
        }
    }

    #[test]
    fn exit_after_a_kill_at_the_memory_limit_is_marked() {
        let mut kills = MemoryKills::default();
        let mut exits = ["oom", "die", "start", "die"].into_iter().filter_map(|action| {
            let mut report = report(
                &event(action, "ptest_0123456789abcdef"),
                "ptest_",
                &mut Ours::default(),
            )
            .unwrap();
            kills.complete(&mut report);
            match report.observed {
                Observed::Exited(exit) => Some(exit.oom),
                _ => None,
            }
        });
        assert_eq!((exits.next(), exits.next()), (Some(true), Some(false)));
    }

    #[test]
    fn time_of_an_old_daemon_has_whole_seconds() {
        let event: Event = engine_api::from_json(br#"{"time": 5}"#).unwrap();
        assert_eq!(time(&event), UNIX_EPOCH + Duration::from_secs(5));
        let event: Event = engine_api::from_json(br#"{"time": 5, "timeNano": 5000000007}"#).unwrap();
        assert_eq!(time(&event), UNIX_EPOCH + Duration::new(5, 7));
    }
}
