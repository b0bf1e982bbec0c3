//! Requests about one environment that have a single answer.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::answers::{not_a_request, object};
use super::session::Session;
use crate::bundle::directory_for;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::protocol::answer::{
    AtPath, Bundled, DiskUsage, Ended, Endpoints, ImageCheck, Networks, Processes,
};
use crate::protocol::call::{Call, Start};
use crate::protocol::params::CopyIn;

/// Handles a request about one environment; returns its result.
pub(super) async fn run(session: &Session, call: Call) -> Result<Map<String, Value>> {
    let environment = |reference: String| async move { Box::pin(session.environment(&reference)).await };
    match call {
        Call::Inspect(of) => return object(&environment(of.environment).await?.inspect().await?),
        Call::Wait(of) => {
            let exit = environment(of.environment).await?.wait().await?;
            return object(&Ended { exit });
        }
        Call::FileKind(at) => {
            let kind = environment(at.environment).await?.file_kind(&at.path).await?;
            return object(&AtPath { kind });
        }
        Call::Endpoints(of) => return endpoints(&environment(of.environment).await?).await,
        Call::Networks(of) => {
            let networks = environment(of.environment).await?.networks().await?;
            return object(&Networks { networks });
        }
        Call::Metrics(of) => return object(&environment(of.environment).await?.metrics().await?),
        Call::Processes(of) => {
            let processes = environment(of.environment).await?.processes().await?;
            return object(&Processes { processes });
        }
        Call::ImageCheck(of) => {
            let environment = environment(of.environment).await?;
            let check = environment.shared().instance.image_check().await?;
            return object(&ImageCheck { check });
        }
        Call::DiskUsage(of) => return disk_usage(&environment(of.environment).await?).await,
        Call::Bundle(bundle) => {
            let environment = environment(bundle.environment).await?;
            let directory = directory_for(&bundle.directory, environment.name(), SystemTime::now());
            let diagnosis = environment.bundle(&directory).await?.into();
            return object(&Bundled { directory, diagnosis });
        }
        Call::Start(start) => begin(&environment(start.environment.clone()).await?, &start).await?,
        Call::Stop(stop) => {
            let environment = environment(stop.environment).await?;
            let grace = stop.grace.unwrap_or_else(|| environment.stop_grace());
            environment.stop(grace).await?;
        }
        Call::Kill(kill) => environment(kill.environment).await?.kill(kill.signal).await?,
        Call::Keep(of) => environment(of.environment).await?.keep().await?,
        Call::WaitUntil(until) => {
            let environment = environment(until.environment).await?;
            environment.wait_until(&until.condition, until.timeout).await?;
        }
        Call::CopyIn(copy) => {
            let environment = environment(copy.environment.clone()).await?;
            let target = copy.target.clone();
            environment.copy_in(source(copy)?, &target).await?;
        }
        Call::CopyOut(copy) => {
            let environment = environment(copy.environment).await?;
            environment.copy_out(&copy.source, &copy.target).await?;
        }
        Call::ConnectNetwork(to) => {
            let environment = environment(to.environment).await?;
            environment.connect_network(&to.network, &to.aliases).await?;
        }
        Call::DisconnectNetwork(from) => {
            let environment = environment(from.environment).await?;
            environment.disconnect_network(&from.network).await?;
        }
        Call::Pause(of) => environment(of.environment).await?.pause().await?,
        Call::Unpause(of) => environment(of.environment).await?.unpause().await?,
        Call::Rename(to) => environment(to.environment).await?.rename(&to.name).await?,
        Call::Update(update) => {
            environment(update.environment)
                .await?
                .update(&update.limits)
                .await?
        }
        _ => return Err(not_a_request()),
    }
    Ok(Map::new())
}

async fn begin(environment: &Environment, start: &Start) -> Result<()> {
    match start.supervise {
        true => environment.start().await,
        false => {
            // Its caller knows the status, and another process may have stopped it.
            environment.inspect().await?;
            environment.start_only().await
        }
    }
}

fn source(copy: CopyIn) -> Result<CopySource> {
    match (copy.source, copy.content) {
        (Some(path), None) => Ok(CopySource::Path(path)),
        (None, Some(content)) => Ok(CopySource::Bytes {
            content: content.into_bytes()?,
            mode: copy.mode,
        }),
        _ => Err(Error::invalid("a copy needs either `source` or `content`")),
    }
}

async fn endpoints(environment: &Environment) -> Result<Map<String, Value>> {
    let endpoints = environment.endpoints().await?;
    let unpublished = match environment.shared().instance.ports() {
        Some(ports) => ports.unpublished().await?,
        None => None,
    };
    object(&Endpoints {
        endpoints,
        unpublished,
    })
}

async fn disk_usage(environment: &Environment) -> Result<Map<String, Value>> {
    match environment.shared().instance.disk_usage() {
        Some(disk) => {
            let used = disk.used().await?;
            object(&DiskUsage { used })
        }
        None => Err(environment.shared().no_facet(Feature::DiskLimit)),
    }
}
