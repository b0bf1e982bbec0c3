//! The events that the other program sees in the environments of its engine, and its facts about
//! failures.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Inner;
use super::instance::RemoteInstance;
use super::pending::{Item, unexpected};
use crate::BoxFuture;
use crate::engine::instance::{Findings, Inspection};
use crate::engine::watch::{Reports, Watching};
use crate::error::{ErrorKind, Result};
use crate::logs::LogEntry;
use crate::protocol::call::{Call, OfEngine};
use crate::protocol::states::{Explain, Explained};

impl Inner {
    /// Passes the reports of the program on, until the returned value is dropped.
    pub(super) async fn watch(self: &Arc<Self>, reports: Reports) -> Result<Watching> {
        let peer = self.reach().await?;
        let engine = Some(self.offered(&peer)?);
        let mut stream = peer.stream(Call::Reports(OfEngine { engine }))?;
        stream.started().await?;
        Ok(Watching::new(tokio::spawn(async move {
            let why = loop {
                match stream.next().await {
                    Item::Report(report) => reports.send(report),
                    Item::Log(LogEntry::Gap { .. }) => reports.gap(),
                    Item::End(Err(error)) => break error.to_string(),
                    Item::End(Ok(_)) => break "the program of the engine reports nothing more".to_owned(),
                    item => break unexpected(&item).to_string(),
                }
            };
            reports.ended(why);
        })))
    }
}

impl RemoteInstance {
    async fn explain(&self, program: Option<&str>) -> Result<Explained> {
        let explain = Explain {
            environment: self.id.to_string(),
            program: program.map(str::to_owned),
        };
        match self.ask(Call::Explain(explain)).await {
            // A program in another language may know nothing.
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Explained::default()),
            found => found,
        }
    }
}

impl Inspection for RemoteInstance {
    fn findings<'a>(&'a self, program: Option<&'a str>) -> BoxFuture<'a, Result<Findings>> {
        Box::pin(async move { self.explain(program).await.map(Findings::from) })
    }

    fn documents(&self) -> BoxFuture<'_, Result<BTreeMap<String, Value>>> {
        Box::pin(async { Ok(self.explain(None).await?.documents) })
    }
}
