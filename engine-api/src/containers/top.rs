//! Listing the processes in a container.

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static TOP: Operation<Json<Processes>> = Operation::get("ContainerTop", "/containers/{id}/top");

impl Containers<'_> {
    /// Lists the processes in a container, in the format of `ps`.
    pub async fn top(&self, id: &str, options: TopContainer) -> Result<Processes> {
        self.docker.call(&TOP).at(id).query(options.query()).send().await
    }
}

/// Which columns to list. Query of `ContainerTop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopContainer {
    /// Arguments of the host's `ps`, such as `aux`; empty is `-ef`.
    pub ps_args: String,
}

impl TopContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("ps_args", &self.ps_args)
    }
}

/// A table of processes. Definition `ContainerTopResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Processes {
    /// Titles of the columns.
    pub titles: Vec<String>,
    /// One row for each process, with one value for each column.
    pub processes: Vec<Vec<String>>,
}

impl Processes {
    /// The values of a column, from the first process to the last; empty without such a column.
    pub fn column<'a>(&'a self, title: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let at = self.titles.iter().position(|t| t == title);
        self.processes
            .iter()
            .filter_map(move |row| row.get(at?).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_have_columns_by_title() {
        let table = Processes {
            titles: vec!["PID".into(), "CMD".into()],
            processes: vec![vec!["1".into(), "sh".into()], vec!["7".into(), "ps".into()]],
        };
        assert_eq!(table.column("CMD").collect::<Vec<_>>(), ["sh", "ps"]);
        assert_eq!(table.column("USER").count(), 0);
    }
}
