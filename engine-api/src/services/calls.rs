//! The calls on services.

use super::{
    InspectService, ListServices, Service, ServiceCreated, ServiceSpec, ServiceUpdated, Services,
    UpdateService, checks,
};
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::swarm::ObjectVersion;
use crate::tasks::{self, ReadTaskLogs};
use crate::wire::decode::{Empty, Framed, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::Output;

static LIST: Operation<Json<Vec<Service>>> = Operation::get("ServiceList", "/services");
static CREATE: Operation<Json<ServiceCreated>> =
    Operation::post("ServiceCreate", "/services/create").success(&[201]);
static INSPECT: Operation<Json<Service>> = Operation::get("ServiceInspect", "/services/{id}");
static REMOVE: Operation<Empty> = Operation::delete("ServiceDelete", "/services/{id}");
static UPDATE: Operation<Json<ServiceUpdated>> = Operation::post("ServiceUpdate", "/services/{id}/update");
static LOGS: Operation<Framed> = Operation::get("ServiceLogs", "/services/{id}/logs");

pub(crate) static OPERATIONS: [&OperationInfo; 6] = [
    &LIST.info,
    &CREATE.info,
    &INSPECT.info,
    &REMOVE.info,
    &UPDATE.info,
    &LOGS.info,
];

/// How often [`Services::edit`] tries again when somebody else was faster.
const RETRIES: usize = 5;

impl Services<'_> {
    /// Lists the services that pass the filters.
    pub async fn list(&self, options: ListServices) -> Result<Vec<Service>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Makes a service; its tasks follow. The credentials go to the nodes that fetch the image.
    ///
    /// # Errors
    ///
    /// 409 when the name is taken.
    pub async fn create(&self, service: &ServiceSpec, auth: Option<&RegistryAuth>) -> Result<ServiceCreated> {
        self.docker
            .call(&CREATE)
            .json(service)
            .reject_if(checks::service(service))
            .requires(checks::newer_fields(service))
            .auth(auth)
            .send()
            .await
    }

    /// Says all about a service.
    pub async fn inspect(&self, id: &str, options: InspectService) -> Result<Service> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Removes a service; its tasks end after that.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }

    /// Replaces what is set about a service, which `version` of it `spec` was made from.
    ///
    /// Everything is replaced: what `spec` does not say goes back to its default. Where somebody else
    /// may change the service, too, [`Services::edit`] is simpler.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the service has changed since.
    pub async fn update(
        &self,
        id: &str,
        version: ObjectVersion,
        spec: &ServiceSpec,
        options: UpdateService<'_>,
    ) -> Result<ServiceUpdated> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(options.query(version))
            .json(spec)
            .reject_if(checks::service(spec))
            .requires(checks::newer_fields(spec))
            .auth(options.auth)
            .send()
            .await
    }

    /// Reads a service, changes what is set about it, and updates it. When somebody else has changed it
    /// in between, does all of that again, `change` included, up to five times.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when it was changed in between each time.
    pub async fn edit(
        &self,
        id: &str,
        options: UpdateService<'_>,
        mut change: impl FnMut(&mut ServiceSpec),
    ) -> Result<ServiceUpdated> {
        let mut left = RETRIES;
        loop {
            let mut service = self.inspect(id, InspectService::default()).await?;
            change(&mut service.spec);
            let updated = self.update(id, service.version, &service.spec, options).await;
            match updated {
                Err(error) if error.is_version_conflict() && left > 0 => left -= 1,
                other => return other,
            }
        }
    }

    /// Reads what the tasks of a service have written, and with `follow` what they go on to write.
    ///
    /// Only the logging drivers `local`, `json-file` and `journald` can be read.
    pub async fn logs(&self, id: &str, options: ReadTaskLogs) -> Result<Output> {
        tasks::read_logs(self.docker, &LOGS, id, options, self.has_terminal(id)).await
    }

    async fn has_terminal(&self, id: &str) -> Result<bool> {
        let service = self.inspect(id, InspectService::default()).await?;
        Ok(service.spec.task_template.has_terminal())
    }
}
