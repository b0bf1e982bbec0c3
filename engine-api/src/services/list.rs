//! Lists of services, and a look at one.

use super::ServiceModeName;
use crate::tasks::TaskRuntime;
use crate::wire::query::{Filters, Query};

/// Which services to list. Query of `ServiceList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListServices {
    /// What the services must be like.
    pub filters: ServiceFilters,
    /// Whether to count the tasks of each, see [`super::Service::service_status`].
    pub status: bool,
}

impl ListServices {
    pub(super) fn query(&self) -> Query {
        Query::new()
            .filters(&self.filters.filters())
            .flag("status", self.status)
    }
}

/// What the listed services must be like: one of the values of each field that has any; of the labels,
/// all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFilters {
    /// With an id, or the start of one.
    pub id: Vec<String>,
    /// With a label: `key`, or `key=value`.
    pub label: Vec<String>,
    /// In a mode.
    pub mode: Vec<ServiceModeName>,
    /// With a name, or the start of one.
    pub name: Vec<String>,
    /// With tasks that something runs; not in the specification.
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

/// How to look at a service. Query of `ServiceInspect`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InspectService {
    /// Whether to fill in what was left to the swarm. Do not update from that: defaults would be set.
    pub insert_defaults: bool,
}

impl InspectService {
    pub(super) fn query(self) -> Query {
        Query::new().flag("insertDefaults", self.insert_defaults)
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn filters_have_the_names_that_engines_accept() {
        let text = |text: &str| vec![text.to_owned()];
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
        let defaults = InspectService {
            insert_defaults: true,
        };
        assert_eq!(defaults.query().as_str(), "insertDefaults=true");
    }
}
