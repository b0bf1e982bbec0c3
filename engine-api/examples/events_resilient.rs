//! Listens to the events of containers across restarts of the engine, and reports gaps.
//!
//! ```console
//! $ cargo run -p engine-api --example events_resilient         # for ever
//! $ cargo run -p engine-api --example events_resilient -- 5    # five seconds
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use std::time::{Duration, SystemTime};

use engine_api::Docker;
use engine_api::common::Timestamp;
use engine_api::system::{EventFilters, EventKind, EventOrGap, ListenEvents, ReconnectOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let docker = Docker::from_env().await?;
    let until = match std::env::args().nth(1) {
        Some(seconds) => Some(SystemTime::now() + Duration::from_secs(seconds.parse()?)),
        None => None,
    };
    let options = ListenEvents {
        until: until.map(Timestamp::from),
        filters: EventFilters {
            kind: vec![EventKind::Container],
            ..Default::default()
        },
        ..Default::default()
    };
    let mut events = docker
        .system()
        .resilient_events(options, ReconnectOptions::default())
        .await?;
    while let Some(heard) = events.next().await {
        match heard? {
            EventOrGap::Event(event) => println!("{} {} {}", event.time, event.verb(), event.actor.id),
            EventOrGap::Gap { from, to } => println!("events may be missing from {from} to {to}"),
            _ => {} // what a later version of this crate hears
        }
    }
    Ok(())
}
