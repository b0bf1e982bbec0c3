//! The processes in an environment's container.

use engine_api::containers::TopContainer;

use super::instance::DockerInstance;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::instance::Processes;
use crate::error::{Error, Result};
use crate::process::ProcessEntry;

/// The columns of `ps`. The last one may contain blanks. Podman takes the same ones.
const COLUMNS: &str = "-eo pid,ppid,user,time,args";

impl Processes for DockerInstance {
    fn list(&self) -> BoxFuture<'_, Result<Vec<ProcessEntry>>> {
        Box::pin(async {
            let containers = self.container.docker.containers();
            let list = |name: String| async move {
                let ps_args = COLUMNS.to_owned();
                containers.top(&name, TopContainer { ps_args }).await
            };
            match self.container.call(list).await {
                Ok(table) => Ok(entries(&table)),
                Err(error) if error.is_not_found() => Err(Error::lost()),
                Err(error) => Err(self.container.refused(Feature::Processes, error).await),
            }
        })
    }
}

fn entries(table: &engine_api::containers::Processes) -> Vec<ProcessEntry> {
    let column = |titles: &[&str]| {
        let is_it = |title: &String| titles.contains(&title.as_str());
        table.titles.iter().position(is_it)
    };
    let [pid, parent, user, time, command] = [
        column(&["PID"]),
        column(&["PPID"]),
        column(&["USER"]),
        column(&["TIME"]),
        column(&["COMMAND", "CMD", "ARGS"]),
    ];
    let entry = |row: &Vec<String>| {
        let text = |at: Option<usize>| at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
        ProcessEntry {
            pid: text(pid).parse().unwrap_or(0),
            parent: text(parent).parse().unwrap_or(0),
            user: text(user),
            cpu_time: text(time),
            command: text(command),
        }
    };
    table.processes.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_titles() {
        let text = r#"{"Titles":["PPID","PID","USER","TIME","COMMAND"],
            "Processes":[["1","7","root","00:00:01","sleep 3"],["7"]]}"#;
        let entries = entries(&engine_api::from_json(text.as_bytes()).unwrap());
        let first = &entries[0];
        assert_eq!((first.pid, first.parent, first.user.as_str()), (7, 1, "root"));
        assert_eq!(
            (first.cpu_time.as_str(), first.command.as_str()),
            ("00:00:01", "sleep 3")
        );
        assert_eq!(entries[1].parent, 7);
    }
}
