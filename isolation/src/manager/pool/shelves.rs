//! The prepared environments, by what they are prepared from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::task::JoinHandle;

use super::{Goods, MOST, PoolStats};
use crate::engine::capabilities::{Feature, IsolationLevel};
use crate::environment::Environment;
use crate::manager::registry::{EngineChoice, Selection};
use crate::spec::EnvironmentSpec;

/// The maximum number of choices of engines that are remembered.
const MOST_CHOICES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Shelves {
    closed: bool,
    by_key: BTreeMap<String, Shelf>,
    /// Counts uses of shelves, to find the least recently used one.
    clock: u64,
    pub(super) stats: PoolStats,
    pub(super) filling: Vec<JoinHandle<()>>,
    chosen: VecDeque<Chosen>,
}

/// The environments of one specification.
#[derive(Debug, Default)]
struct Shelf {
    /// The ID of the image of all of them.
    image: String,
    ready: VecDeque<Environment>,
    last_used: u64,
}

/// The engine that was chosen for environments of the pool.
#[derive(Debug)]
struct Chosen {
    choice: EngineChoice,
    features: BTreeSet<Feature>,
    isolation: Option<IsolationLevel>,
    selection: Selection,
}

impl Shelves {
    /// Removes the oldest environment of a specification, and returns it with the ID of its image,
    /// and whether there has been any.
    pub(super) fn take(&mut self, key: &str) -> (Option<(Environment, String)>, bool) {
        self.clock += 1;
        let now = self.clock;
        match self.by_key.get_mut(key) {
            Some(shelf) => {
                shelf.last_used = now;
                let image = &shelf.image;
                let taken = shelf.ready.pop_front().map(|one| (one, image.clone()));
                (taken, true)
            }
            None => (None, false),
        }
    }

    /// Puts an environment back that was taken and not used. Returns it if its place is gone.
    pub(super) fn give_back(
        &mut self,
        key: &str,
        image: &str,
        environment: Environment,
    ) -> Option<Environment> {
        let shelf = self.by_key.get_mut(key).filter(|shelf| shelf.image == image);
        match (self.closed, shelf) {
            (false, Some(shelf)) => {
                shelf.ready.push_front(environment);
                None
            }
            _ => Some(environment),
        }
    }

    /// Removes the environments of a specification with this image: it is another one now.
    pub(super) fn remove_with(&mut self, key: &str, image: &str) -> Vec<Environment> {
        match self.by_key.get_mut(key) {
            Some(shelf) if shelf.image == image => shelf.ready.drain(..).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether an environment of this specification is ready.
    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key.get(key).is_some_and(|shelf| !shelf.ready.is_empty())
    }

    /// Whether fewer environments are ready than required. From now on, the specification is known.
    /// Returns also the environments of an earlier image.
    pub(super) fn wants(&mut self, goods: &Goods, size: usize) -> (bool, Vec<Environment>) {
        if self.closed {
            return (false, Vec::new());
        }
        self.clock += 1;
        let now = self.clock;
        let shelf = self.by_key.entry(goods.key.clone()).or_default();
        shelf.last_used = shelf.last_used.max(now);
        let outdated: Vec<Environment> = match shelf.image == goods.image {
            true => Vec::new(),
            false => {
                shelf.image.clone_from(&goods.image);
                shelf.ready.drain(..).collect()
            }
        };
        let wants = shelf.ready.len() < size;
        self.stats.discarded += outdated.len() as u64;
        (wants, outdated)
    }

    /// Adds an environment; returns environments that the pool must drop for it.
    pub(super) fn put(&mut self, goods: &Goods, size: usize, environment: Environment) -> Vec<Environment> {
        if self.closed {
            return vec![environment];
        }
        self.stats.prepared += 1;
        let shelf = self.by_key.entry(goods.key.clone()).or_default();
        let mut surplus = Vec::new();
        if shelf.image != goods.image {
            shelf.image.clone_from(&goods.image);
            surplus.extend(shelf.ready.drain(..));
        }
        shelf.ready.push_back(environment);
        while let Some(oldest) = self.oldest_beside(&goods.key, MOST.max(size)) {
            let shelf = self.by_key.remove(&oldest);
            surplus.extend(shelf.into_iter().flat_map(|shelf| shelf.ready));
        }
        self.stats.discarded += surplus.len() as u64;
        surplus
    }

    /// The specification of the least recently used shelf but this one, if more are ready than
    /// `most`.
    fn oldest_beside(&self, key: &str, most: usize) -> Option<String> {
        let others = self.by_key.iter().filter(|(other, _)| *other != key);
        let oldest = others.min_by_key(|(_, shelf)| shelf.last_used);
        let oldest = oldest.filter(|_| self.ready() > most);
        oldest.map(|(other, _)| other.clone())
    }

    /// The number of environments that are ready.
    pub(super) fn ready(&self) -> usize {
        self.by_key.values().map(|shelf| shelf.ready.len()).sum()
    }

    /// Removes all environments, and accepts no more.
    pub(super) fn close(&mut self) -> Vec<Environment> {
        self.closed = true;
        let shelves = std::mem::take(&mut self.by_key).into_values();
        shelves.flat_map(|shelf| shelf.ready).collect()
    }

    /// Remembers the engine that was chosen for such an environment.
    pub(super) fn remember(&mut self, choice: &EngineChoice, spec: &EnvironmentSpec, selection: &Selection) {
        let chosen = Chosen {
            choice: choice.clone(),
            features: spec.required_features(),
            isolation: spec.isolation,
            selection: selection.clone(),
        };
        self.chosen.retain(|known| !known.is_for(choice, spec));
        self.chosen.push_back(chosen);
        if self.chosen.len() > MOST_CHOICES {
            self.chosen.pop_front();
        }
    }

    /// The engine that was chosen for such an environment before.
    pub(super) fn chosen(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Option<Selection> {
        let known = self.chosen.iter().find(|known| known.is_for(choice, spec));
        known.map(|known| known.selection.clone())
    }
}

impl Chosen {
    fn is_for(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> bool {
        self.choice == *choice
            && self.isolation == spec.isolation
            && self.features == spec.required_features()
    }
}

#[cfg(all(test, unix))]
#[test]
fn oldest_choice_of_an_engine_is_forgotten() {
    use std::sync::Arc;

    use crate::engine::capabilities::Capabilities;
    use crate::engines::basic::BasicEngine;

    let selection = Selection {
        engine: Arc::new(BasicEngine::new()),
        capabilities: Capabilities::new(IsolationLevel::Process),
        rejected: Vec::new(),
    };
    let (mut shelves, spec) = (Shelves::default(), EnvironmentSpec::default());
    let choice = |number: usize| EngineChoice::Named(number.to_string());
    for number in 0..=MOST_CHOICES {
        shelves.remember(&choice(number), &spec, &selection);
    }
    assert!(shelves.chosen(&choice(0), &spec).is_none());
    assert!((1..=MOST_CHOICES).all(|number| shelves.chosen(&choice(number), &spec).is_some()));
}
