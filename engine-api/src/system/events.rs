//! Listen to the events of an engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::System;
use crate::common::{StringList, Timestamp};
use crate::error::Result;
use crate::wire::decode::Lines;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};
use crate::wire::stream::{JsonLines, StreamItem};

pub(super) static EVENTS: Operation<Lines<Event>> = Operation::get("SystemEvents", "/events").slow();

impl System<'_> {
    /// Listens to events until the time `until`, or until the stream is dropped.
    pub async fn events(&self, options: ListenEvents) -> Result<JsonLines<Event>> {
        self.docker.call(&EVENTS).query(options.query()).send().await
    }
}

/// Which events to listen to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenEvents {
    /// Start with stored events since this time; `None` for new events only.
    pub since: Option<Timestamp>,
    /// The time at which the stream ends; `None` for no end.
    pub until: Option<Timestamp>,
    /// Filters; empty for all events.
    pub filters: EventFilters,
}

impl ListenEvents {
    fn query(&self) -> Query {
        Query::new()
            .maybe("since", self.since)
            .maybe("until", self.until)
            .filters(&self.filters.filters())
    }
}

/// Filters of events. An event must match one of the values of each filter that is set, and all
/// labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilters {
    /// Of these configs, by name or ID.
    pub config: StringList,
    /// Of these containers, by name or ID.
    pub container: StringList,
    /// Of these engines, by name or ID.
    pub daemon: StringList,
    /// With these actions: `start`, `die`, `health_status` …
    pub event: StringList,
    /// Of these images or their containers, by name or ID.
    pub image: StringList,
    /// With these labels: `key` or `key=value`.
    pub label: StringList,
    /// Of these networks, by name or ID.
    pub network: StringList,
    /// Of these nodes, by ID.
    pub node: StringList,
    /// Of these plugins, by name or ID.
    pub plugin: StringList,
    /// Of the engine, or of its swarm.
    pub scope: Vec<EventScope>,
    /// Of these secrets, by name or ID.
    pub secret: StringList,
    /// Of these services, by name or ID.
    pub service: StringList,
    /// Of these kinds of objects.
    pub kind: Vec<EventKind>,
    /// Of these volumes, by name.
    pub volume: StringList,
}

impl EventFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("config", &self.config)
            .with("container", &self.container)
            .with("daemon", &self.daemon)
            .with("event", &self.event)
            .with("image", &self.image)
            .with("label", &self.label)
            .with("network", &self.network)
            .with("node", &self.node)
            .with("plugin", &self.plugin)
            .with("scope", &self.scope)
            .with("secret", &self.secret)
            .with("service", &self.service)
            .with("type", &self.kind)
            .with("volume", &self.volume)
    }
}

/// An event. Definition `EventMessage`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Event {
    /// The kind of object.
    #[serde(rename = "Type")]
    pub kind: EventKind,
    /// The action, such as `exec_start: sh -c …`; see [`Event::verb`].
    pub action: String,
    /// The object.
    pub actor: Actor,
    /// Whether it is an event of the engine or of its swarm.
    #[serde(rename = "scope")]
    pub scope: EventScope,
    /// Time in seconds since 1970.
    #[serde(rename = "time")]
    pub time: i64,
    /// Time in nanoseconds since 1970.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
    /// The same as `action`. Until API 1.51.
    #[serde(rename = "status")]
    pub legacy_status: String,
    /// The same as [`Actor::id`]. Until API 1.51.
    #[serde(rename = "id")]
    pub legacy_id: String,
    /// The same as the actor's attribute `image`. Until API 1.51.
    #[serde(rename = "from")]
    pub legacy_from: String,
}

impl StreamItem for Event {}

impl Event {
    /// The action without its text: `exec_start`, `health_status`.
    pub fn verb(&self) -> &str {
        self.parts().0
    }

    /// The text of the action: the command of an exec, `healthy` of a health status.
    pub fn detail(&self) -> Option<&str> {
        self.parts().1
    }

    fn parts(&self) -> (&str, Option<&str>) {
        match self.action.split_once(':') {
            Some((verb, detail)) => (verb, Some(detail.strip_prefix(' ').unwrap_or(detail))),
            None => (&self.action, None),
        }
    }
}

/// The object of an event. Definition `EventActor`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Actor {
    /// Its ID; for a volume, its name.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Attributes of the object and the event: `name`, `image`, `exitCode`, and labels.
    pub attributes: BTreeMap<String, String>,
}

/// The kinds of objects of events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The build cache.
    Builder,
    /// A config of a swarm.
    Config,
    /// A container.
    Container,
    /// The engine.
    Daemon,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A node of a swarm.
    Node,
    /// A plugin.
    Plugin,
    /// A secret of a swarm.
    Secret,
    /// A service of a swarm.
    Service,
    /// A volume.
    Volume,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(EventKind {
    Builder = "builder",
    Config = "config",
    Container = "container",
    Daemon = "daemon",
    Image = "image",
    Network = "network",
    Node = "node",
    Plugin = "plugin",
    Secret = "secret",
    Service = "service",
    Volume = "volume",
});

/// The scope of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventScope {
    /// On the engine.
    Local,
    /// In its swarm.
    Swarm,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(EventScope {
    Local = "local",
    Swarm = "swarm",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    fn action(action: &str) -> Event {
        Event {
            action: action.into(),
            ..Default::default()
        }
    }

    #[test]
    fn action_splits_into_verb_and_detail() {
        let event = action("exec_start: sh -c echo a: b");
        assert_eq!(
            (event.verb(), event.detail()),
            ("exec_start", Some("sh -c echo a: b"))
        );
        let event = action("health_status: healthy");
        assert_eq!((event.verb(), event.detail()), ("health_status", Some("healthy")));
        assert_eq!((action("die").verb(), action("die").detail()), ("die", None));
    }

    #[test]
    fn old_and_new_events_are_read() {
        let old = br#"{"status":"pull","id":"alpine:3","Type":"image","Action":"pull",
            "Actor":{"ID":"alpine:3","Attributes":null},"scope":"local","time":1,"timeNano":2}"#;
        let event: Event = decode(old).unwrap();
        assert_eq!((event.kind, event.time_nano), (EventKind::Image, 2));
        let new = br#"{"Type":"hologram","Action":"flicker","Actor":{"ID":"1"}}"#;
        let event: Event = decode(new).unwrap();
        assert_eq!(event.kind, EventKind::Other("hologram".into()));
    }

    #[test]
    fn filters_are_typed_and_times_are_exact() {
        let listen = ListenEvents {
            since: Some(Timestamp::new(1_136_073_600, 1)),
            filters: EventFilters {
                kind: vec![EventKind::Container],
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(
            listen.query().as_str(),
            "since=1136073600.000000001&filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
        );
    }
}
