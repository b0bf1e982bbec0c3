//! Moves an environment with everything to another daemon of its engine.

use std::sync::Arc;

use super::carrier::Carrier;
use super::plan::{MigrationPlan, Moved, Place};
use super::prepared::{Prepared, Work};
use super::{MigrateOptions, always_lost, report};
use crate::engine::Engine;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::events::migration_step::MigrationStep;
use crate::manager::Manager;
use crate::manager::origin::Origin;
use crate::manager::registry::Selection;
use crate::snapshots::{OnProgress, SavedState, SnapshotOptions, SnapshotStore};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::MountSource;

impl Manager {
    pub(super) async fn prepare_everything(
        &self,
        source: &Environment,
        engine: &Arc<dyn Engine>,
        options: &MigrateOptions,
    ) -> Result<Prepared> {
        let shared = source.shared();
        let saves = shared.instance.saves();
        let saves = saves.ok_or_else(|| shared.no_facet(Feature::Snapshots))?;
        let contents = saves.contents().await?;
        // The engine knows its address when it has been asked.
        engine.probe().await;
        let address = engine.address();
        if contents.location.is_some() || address.as_ref() == Some(&contents.engine_detail) {
            return Err(Prepared::nothing_to_do(engine.name()));
        }
        if options.image.is_some() || options.directory.is_some() {
            let why = "everything moves to another daemon; omit the image and the directory";
            return Err(Error::invalid(why));
        }
        let spec = EnvironmentSpec {
            name: options.name.clone(),
            lifetime: options.lifetime,
            session: None,
            group: None,
            // They are in the files.
            copies: Vec::new(),
            ..source.spec().clone()
        };
        let mut lost = always_lost();
        lost.extend(contents.left_out);
        let mut blocked = Vec::new();
        let of_others = |network: &&String| !spec.network.own.contains_key(*network);
        for network in spec.network.join.iter().filter(of_others) {
            blocked.push(crate::snapshots::LeftOut::new(
                format!("the network {network}"),
                "it belongs to others; create it there, and remove this from the specification",
            ));
        }
        let parts = contents.parts.iter();
        let plan = MigrationPlan {
            from: Place {
                engine: source.engine().to_owned(),
                address: Some(contents.engine_detail),
                image: spec.image.clone(),
                pulls: false,
            },
            to: Place {
                engine: engine.name().to_owned(),
                address,
                image: spec.image.clone(),
                pulls: false,
            },
            moves: parts
                .map(|part| Moved::new(part.name(), "the same path"))
                .collect(),
            reinstalled: Vec::new(),
            undecided: Vec::new(),
            lost,
            blocked,
            hints: Vec::new(),
        };
        let mut needed = spec.clone();
        // Their files come from the snapshot.
        needed
            .mounts
            .retain(|mount| !matches!(mount.source, MountSource::Volume(_)));
        let selection = self.selection_for(engine, &needed).await?;
        Ok(Prepared {
            plan,
            selection,
            spec,
            work: Work::Everything,
        })
    }

    pub(super) async fn move_everything(
        &self,
        source: &Environment,
        selection: &Selection,
        mut spec: EnvironmentSpec,
    ) -> Result<Environment> {
        let carrier = Carrier::new(self.state.directory()?)?;
        let store = SnapshotStore::open(Some(carrier.path()))?;
        let options = SnapshotOptions {
            full: true,
            ..SnapshotOptions::default()
        };
        let saved = source.snapshot(&store, options).await?;
        report(source, MigrationStep::Read);
        let state = SavedState::open(&store, &saved.snapshot, &OnProgress::default()).await?;
        selection.engine.adapt(&state, &mut spec)?;
        let made = self.create_from(selection, spec, Origin::Saved(&state)).await?;
        let started = self.started(made).await?;
        report(source, MigrationStep::Written);
        Ok(started)
    }
}
