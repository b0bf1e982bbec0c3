//! List services.

use super::Services;
use super::inspect::Service;
use super::mode::ServiceModeName;
use crate::common::StringList;
use crate::error::Result;
use crate::tasks::TaskRuntime;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<Service>>> = Operation::get("ServiceList", "/services");

impl Services<'_> {
    /// Lists the services that match the filters.
    pub async fn list(&self, options: ListServices) -> Result<Vec<Service>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Which services to list. Query of `ServiceList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListServices {
    /// Filters.
    pub filters: ServiceFilters,
    /// Whether to count the tasks of each service, see [`super::Service::service_status`].
    pub status: bool,
}

impl ListServices {
    fn query(&self) -> Query {
        Query::new()
            .filters(&self.filters.filters())
            .flag("status", self.status)
    }
}

/// Filters of a list of services. A service must match one of the values of each field, and all
/// labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFilters {
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// With this label: `key`, or `key=value`.
    pub label: StringList,
    /// With this mode.
    pub mode: Vec<ServiceModeName>,
    /// With this name, or a prefix of it.
    pub name: StringList,
    /// With this runtime of its tasks; not in the API description.
    pub runtime: Vec<TaskRuntime>,
}

impl ServiceFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("id", &self.id)
            .with("label", &self.label)
            .with("mode", &self.mode)
            .with("name", &self.name)
            .with("runtime", &self.runtime)
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn filters_have_the_engines_names() {
        let text = |text: &str| StringList::from([text]);
        let list = ListServices {
            filters: ServiceFilters {
                id: text("i"),
                label: text("l=1"),
                mode: vec![ServiceModeName::Global, ServiceModeName::ReplicatedJob],
                name: text("n"),
                runtime: vec![TaskRuntime::Container],
            },
            status: true,
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(
            decoded,
            concat!(
                r#"filters={"id":["i"],"label":["l=1"],"mode":["global","replicated-job"],"name":["n"],"#,
                r#""runtime":["container"]}&status=true"#
            )
        );
        assert_eq!(ListServices::default().query().as_str(), "");
    }
}
