//! Passes the events of the other program on to their receivers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::engine::context::Context;
use crate::environment::id::EnvironmentId;
use crate::events::{Event, EventKind, Subject};

/// The receivers of the events of each environment.
#[derive(Debug, Clone)]
pub(super) struct Contexts {
    engine: String,
    known: Arc<Mutex<HashMap<EnvironmentId, Known>>>,
}

#[derive(Debug)]
struct Known {
    context: Context,
    /// Whether it is being created: then it receives events about images.
    is_new: bool,
}

/// The creation of an environment; dropping it ends the events about images.
pub(super) struct Creating<'a>(&'a Contexts, &'a EnvironmentId);

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.0.known().get_mut(self.1) {
            known.is_new = false;
        }
    }
}

impl Contexts {
    pub(super) fn new(engine: &str) -> Self {
        Self {
            engine: engine.to_owned(),
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<EnvironmentId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn creating<'a>(&'a self, id: &'a EnvironmentId, context: &Context) -> Creating<'a> {
        let context = context.clone();
        self.known().insert(
            id.clone(),
            Known {
                context,
                is_new: true,
            },
        );
        Creating(self, id)
    }

    pub(super) fn add(&self, id: &EnvironmentId, context: &Context) {
        let context = context.clone();
        self.known().entry(id.clone()).or_insert(Known {
            context,
            is_new: false,
        });
    }

    pub(super) fn forget(&self, id: &EnvironmentId) {
        self.known().remove(id);
    }

    /// Passes an event on, if this process does not send it itself. An event of a later version is
    /// ignored.
    pub(super) fn event(&self, event: Value) {
        let Ok(Event { subject, kind, .. }) = serde_json::from_value(event) else {
            return;
        };
        if !is_of_the_engine(&kind) {
            return;
        }
        let engine = self.engine.clone();
        let known = self.known();
        match subject {
            Subject::Environment { id, name, .. } => {
                if let Some(one) = known.get(&id) {
                    one.context.emit(Subject::Environment { id, name, engine }, kind);
                }
            }
            Subject::Image { image, .. } => {
                // All managers that wait for an image receive the event; usually there is one.
                if let Some(one) = known.values().find(|one| one.is_new) {
                    one.context.emit(Subject::Image { engine, image }, kind);
                }
            }
            Subject::Engine { .. } => {
                if let Some(one) = known.values().find(|one| one.is_new) {
                    one.context.emit(Subject::Engine { engine }, kind);
                }
            }
        }
    }
}

/// Whether an engine sends such events itself. The others are sent by managers, on both sides.
fn is_of_the_engine(kind: &EventKind) -> bool {
    match kind {
        EventKind::Pull(_)
        | EventKind::SubnetUnavailable { .. }
        | EventKind::OutOfMemory
        | EventKind::Warning { .. }
        | EventKind::OwnerConnectionLost
        | EventKind::DefaultLimitIgnored { .. } => true,
        EventKind::Step { step, .. } => *step != crate::Step::Ready,
        _ => false,
    }
}
