//! The engines to choose from, in order of preference.

use engine_api::Docker;
use isolation::Registry;

use crate::args::Global;
use crate::failure::Failure;

/// The name of the engine of containers.
pub(crate) const DOCKER: &str = "docker";

/// The engines, and the client of the one that speaks to Docker.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) registry: Registry,
    pub(crate) docker: Option<Docker>,
}

pub(crate) async fn open(_global: &Global) -> Result<Engines, Failure> {
    Ok(Engines { registry: Registry::with_builtin(), docker: None })
}
