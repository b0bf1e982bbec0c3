//! Requests about the packages of an environment.

use serde_json::{Map, Value};

use super::answers::{not_a_request, object};
use super::session::Session;
use crate::error::Result;
use crate::protocol::call::Call;
use crate::protocol::packages::PackageList;

/// Does what a request about packages asks for; returns its result.
pub(super) async fn run(session: &Session, call: Call) -> Result<Map<String, Value>> {
    match call {
        Call::ListPackages(list) => {
            let environment = session.environment(&list.environment).await?;
            let found = environment.packages(list.manager);
            let packages = match list.digests {
                true => found.list_with_digests().await?,
                false => found.list().await?,
            };
            object(&PackageList { packages })
        }
        Call::InstallPackages(install) => {
            let environment = session.environment(&install.environment).await?;
            let packages = environment.packages(install.manager);
            object(&packages.install(install.options()).await?)
        }
        Call::UninstallPackages(uninstall) => {
            let environment = session.environment(&uninstall.environment).await?;
            let names: Vec<_> = uninstall.names.iter().map(String::as_str).collect();
            environment.packages(uninstall.manager).uninstall(&names).await?;
            Ok(Map::new())
        }
        _ => Err(not_a_request()),
    }
}
