//! Reports what any process does with the environments in a directory.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::base::Base;
use super::blocking;
use crate::engine::watch::{Observed, Report, Reports, Watching};
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::error::Result;

/// The time between two looks. A state that lasts shorter is not reported.
const PAUSE: Duration = Duration::from_millis(250);

/// The environments of a look: name and status.
type Look = BTreeMap<EnvironmentId, (String, Status)>;

impl Base {
    /// Reports changes from now on.
    pub(crate) async fn watch(&self, reports: Reports) -> Result<Watching> {
        let (base, mut before) = (self.clone(), self.look().await?);
        let task = tokio::spawn(async move {
            loop {
                sleep(PAUSE).await;
                let now = match base.look().await {
                    Ok(now) => now,
                    Err(error) => return reports.ended(error.to_string()),
                };
                changes(&before, &now)
                    .into_iter()
                    .for_each(|report| reports.send(report));
                before = now;
            }
        });
        Ok(Watching::new(task))
    }

    async fn look(&self) -> Result<Look> {
        let base = self.clone();
        let listed = blocking(self.engine(), move || base.list()).await?;
        let look = listed.into_iter().map(|one| (one.id, (one.name, one.status)));
        Ok(look.collect())
    }
}

/// The changes between two looks.
fn changes(before: &Look, now: &Look) -> Vec<Report> {
    let mut reports = Vec::new();
    let mut add = |id: &EnvironmentId, name: &str, observed| {
        reports.push(Report {
            id: id.clone(),
            name: name.to_owned(),
            observed,
        });
    };
    for (id, (name, status)) in now {
        let old = before.get(id);
        if old.is_some_and(|(old, _)| old != name) {
            add(id, name, Observed::Renamed(name.clone()));
        }
        match (old.map(|(_, old)| *old), *status) {
            (old, Status::Running) if old != Some(Status::Running) => add(id, name, Observed::Started),
            (Some(Status::Running), Status::Stopped) => add(id, name, Observed::Stopped),
            _ => {}
        }
    }
    for (id, (name, _)) in before {
        if !now.contains_key(id) {
            add(id, name, Observed::Removed);
        }
    }
    reports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_between_two_looks_are_reported() {
        let ids = [1, 2, 3].map(|_| EnvironmentId::random());
        let look = |states: &[(usize, &str, Status)]| {
            let one = |(index, name, status): &(usize, &str, Status)| {
                (ids[*index].clone(), ((*name).to_owned(), *status))
            };
            states.iter().map(one).collect::<Look>()
        };
        let observed = |before: &[(usize, &str, Status)], now: &[(usize, &str, Status)]| {
            let all = changes(&look(before), &look(now)).into_iter();
            all.map(|report| report.observed).collect::<Vec<_>>()
        };
        use Status::{Created, Running, Stopped};
        assert_eq!(observed(&[], &[(0, "a", Created)]), []);
        assert_eq!(
            observed(&[(0, "a", Created)], &[(0, "a", Running)]),
            [Observed::Started]
        );
        assert_eq!(observed(&[], &[(0, "a", Running)]), [Observed::Started]);
        assert_eq!(
            observed(&[(0, "a", Running)], &[(0, "a", Stopped)]),
            [Observed::Stopped]
        );
        assert_eq!(observed(&[(0, "a", Running)], &[]), [Observed::Removed]);
        assert_eq!(
            observed(&[(0, "a", Running)], &[(0, "b", Running)]),
            [Observed::Renamed("b".into())]
        );
    }

    #[tokio::test]
    async fn directory_that_cannot_be_listed_ends_the_reports() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("base");
        std::fs::create_dir(&path).unwrap();
        let (reports, mut received) = crate::engine::watch::reports();
        let base = Base::new("basic", path.clone());
        let _watching = base.watch(reports).await.unwrap();
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "a file").unwrap();
        match received.next().await {
            Some(crate::engine::watch::Item::Ended(why)) => assert!(why.contains("base"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(received.next().await.is_none());
    }
}
