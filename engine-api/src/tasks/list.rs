//! List tasks.

use super::Tasks;
use super::inspect::{Task, TaskState};
use super::spec::TaskRuntime;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<Task>>> = Operation::get("TaskList", "/tasks");

impl Tasks<'_> {
    /// Lists the tasks that match the filters, including finished tasks.
    pub async fn list(&self, options: ListTasks) -> Result<Vec<Task>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Which tasks to list. Query of `TaskList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTasks {
    /// Filters.
    pub filters: TaskFilters,
}

impl ListTasks {
    fn query(&self) -> Query {
        Query::new().filters(&self.filters.filters())
    }
}

/// Filters of a list of tasks. A task must match one of the values of each field, and all labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilters {
    /// With this desired state: [`TaskState::Running`], [`TaskState::Shutdown`],
    /// [`TaskState::Accepted`].
    pub desired_state: Vec<TaskState>,
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// With this label: `key`, or `key=value`.
    pub label: StringList,
    /// With this name, or a prefix of it: `web.1`.
    pub name: StringList,
    /// On this node: its name or ID, or `self`.
    pub node: StringList,
    /// With this runtime; not in the API description.
    pub runtime: Vec<TaskRuntime>,
    /// Of this service: its name or ID.
    pub service: StringList,
}

impl TaskFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("desired-state", &self.desired_state)
            .with("id", &self.id)
            .with("label", &self.label)
            .with("name", &self.name)
            .with("node", &self.node)
            .with("runtime", &self.runtime)
            .with("service", &self.service)
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn filters_have_the_engines_names() {
        let text = |text: &str| StringList::from([text]);
        let list = ListTasks {
            filters: TaskFilters {
                desired_state: vec![TaskState::Running],
                id: text("i"),
                label: text("l=1"),
                name: text("n"),
                node: text("self"),
                runtime: vec![TaskRuntime::Container],
                service: text("s"),
            },
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(
            decoded,
            concat!(
                r#"filters={"desired-state":["running"],"id":["i"],"label":["l=1"],"name":["n"],"#,
                r#""node":["self"],"runtime":["container"],"service":["s"]}"#
            )
        );
        assert_eq!(ListTasks::default().query().as_str(), "");
    }
}
