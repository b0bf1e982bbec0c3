//! The limits that an environment gets by default, and those of them that the daemon drops.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use engine_api::Docker;
use engine_api::exec::CreateExec;

use super::daemon::DaemonInfo;
use super::instance::DockerInstance;
use super::limits::read_back::{ReadBack, SCRIPT, without_effect};
use super::{DockerEngine, NAME, daemon, limits};
use crate::command::signal::Signal;
use crate::engine::NewEnvironment;
use crate::engine::capabilities::MissingFeature;
use crate::engines::hardened;
use crate::error::{Error, Result};
use crate::events::{EventKind, Subject};
use crate::spec::lifetime::Lifetime;
use crate::spec::limits::ResourceLimits;

impl DockerEngine {
    /// The limits that the specification itself asks for.
    pub(super) fn own_limits(&self, new: NewEnvironment<'_>) -> ResourceLimits {
        new.spec.limits.other_than(&self.settings.limits)
    }

    /// Whether the default limits are sent without a question to the daemon: it warns of each one
    /// that it drops. An environment that outlives this process is worth the question.
    pub(super) fn trusts_defaults(&self, docker: &Docker, new: NewEnvironment<'_>) -> bool {
        let ends_with_us = new.spec.lifetime == Lifetime::Owner;
        ends_with_us && self.daemon.get().is_none() && daemon::drops_nothing_silently(docker)
    }

    /// The limits of the environment. The default ones need a daemon that can enforce them.
    pub(super) async fn limits(&self, new: NewEnvironment<'_>) -> Result<ResourceLimits> {
        let own = &new.spec.limits;
        let mut limits = own
            .or(&self.settings.limits)
            .or(&hardened::default_limits(new.spec));
        let defaults = limits.other_than(own);
        let mut needed = defaults.required_features().peekable();
        let docker = self.docker().await?;
        if needed.peek().is_none() || self.trusts_defaults(docker, new) {
            return Ok(limits);
        }
        let able = self.daemon().await?.capabilities();
        for lack in able.missing(&needed.collect()) {
            limits.remove(lack.feature);
            ignore(lack, new);
        }
        Ok(limits)
    }

    /// Accepts that the daemon has dropped default limits; those of the specification are an error.
    pub(super) fn accept(&self, dropped: Vec<MissingFeature>, new: NewEnvironment<'_>) -> Result<()> {
        let own: BTreeSet<_> = self.own_limits(new).required_features().collect();
        let (own, defaults): (Vec<_>, Vec<_>) =
            dropped.into_iter().partition(|lack| own.contains(&lack.feature));
        if !own.is_empty() {
            return Err(Error::unsupported(NAME, own));
        }
        defaults.into_iter().for_each(|lack| ignore(lack, new));
        Ok(())
    }

    /// Removes the default limit that the daemon refuses with this message; `false` if there is
    /// none.
    pub(super) fn leave_out(
        &self,
        message: &str,
        limits: &mut ResourceLimits,
        new: NewEnvironment<'_>,
    ) -> bool {
        let own = self.own_limits(new);
        let Some(feature) = limits::warned(message) else {
            return false;
        };
        let has = |limits: &ResourceLimits| limits.required_features().any(|one| one == feature);
        if has(&own) || !has(limits) {
            return false;
        }
        limits.remove(feature);
        let reason = format!("the daemon refused it: {message}");
        ignore(MissingFeature { feature, reason }, new);
        true
    }
}

impl DockerEngine {
    /// The value that is read back; `None` if the daemon enforces what it accepts.
    pub(super) fn read_back(&self, new: NewEnvironment<'_>, all: &ResourceLimits) -> Option<ReadBack> {
        let is_rootless = self.daemon.get().is_some_and(DaemonInfo::is_rootless);
        is_rootless.then(|| ReadBack {
            all: all.clone(),
            own: self.own_limits(new).required_features().collect(),
        })
    }
}

impl DockerInstance {
    /// Reads the limits inside after the first start. One that was asked for and has no effect is
    /// an error, and the container does not run then; a default one is an event.
    pub(super) async fn read_limits_back(&self) -> Result<()> {
        let wanted = self
            .read_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (Some(ReadBack { all, own }), Some(shell)) = (wanted, self.container.shell.get()) else {
            return Ok(());
        };
        let read = CreateExec {
            cmd: [shell, "-c", SCRIPT].into(),
            attach_stdout: true,
            attach_stderr: true,
            ..CreateExec::default()
        };
        // A main process may have ended already.
        let Ok(ended) = self.container.docker.execs().run(self.container.id(), read).await else {
            return Ok(());
        };
        let printed = String::from_utf8_lossy(&ended.stdout);
        let (own, defaults): (Vec<_>, Vec<_>) = without_effect(&all, &printed)
            .into_iter()
            .partition(|lack| own.contains(&lack.feature));
        if !own.is_empty() {
            self.kill_container(Signal::Kill).await?;
            return Err(Error::unsupported(NAME, own));
        }
        for MissingFeature { feature, reason } in defaults {
            let limit = feature;
            self.launcher
                .steps
                .emit(EventKind::DefaultLimitIgnored { limit, reason });
        }
        Ok(())
    }
}

/// Reports that an environment has not one of the default limits.
fn ignore(lack: MissingFeature, new: NewEnvironment<'_>) {
    let MissingFeature { feature, reason } = lack;
    new.context.emit(
        subject(new),
        EventKind::DefaultLimitIgnored {
            limit: feature,
            reason,
        },
    );
}

fn subject(new: NewEnvironment<'_>) -> Subject {
    Subject::Environment {
        id: new.id.clone(),
        name: new.name.to_owned(),
        engine: NAME.to_owned(),
    }
}
