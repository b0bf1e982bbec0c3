//! Services over three engines.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::nodes::NodeAvailability;
use engine_api::services::ServiceMode;
use engine_api::tasks::{ListTasks, ReadTaskLogs, Task, TaskFilters, TaskState};
use engine_api::{Docker, Result};

use super::UNTIL_TOLD;
use super::cluster::{PAUSE, and_dissolve, edit, init, join};
use super::services::service;

/// The number of tasks of the service.
const TASKS: usize = 6;

/// Tasks run on all nodes and write to one log. They leave a node that is drained, and return to
/// it.
pub async fn over_three_nodes(engines: [Docker; 3]) -> Result<()> {
    and_dissolve(&engines.clone(), async move {
        let [manager, second, third] = engines;
        let (first, address) = init(&manager).await?;
        let second_id = join(&manager, &address, &second).await?;
        let third_id = join(&manager, &address, &third).await?;
        let nodes = BTreeSet::from([first, second_id, third_id.clone()]);

        let mut spec = service("spread", &format!("hostname; {UNTIL_TOLD}"));
        spec.mode = ServiceMode::replicated(TASKS as u64);
        let service = manager.services().create(spec, None).await?.id;
        let tasks = until_on(&manager, &service, &nodes).await?;
        logs(&manager, &service, &tasks).await?;
        elsewhere(&manager, &third, &third_id, &tasks).await?;

        edit(&manager, &third_id, |spec| {
            spec.availability = NodeAvailability::Drain
        })
        .await?;
        let others: BTreeSet<_> = nodes.iter().filter(|id| **id != third_id).cloned().collect();
        until_on(&manager, &service, &others).await?;

        edit(&manager, &third_id, |spec| {
            spec.availability = NodeAvailability::Active
        })
        .await?;
        // Tasks do not move until they are scheduled again.
        let again = |spec: &mut engine_api::services::ServiceSpec| spec.task_template.force_update += 1;
        manager
            .services()
            .edit(&service, Default::default(), None, again)
            .await?;
        until_on(&manager, &service, &nodes).await?;
        manager.services().remove(&service).await
    })
    .await
}

/// Waits until all tasks run, on exactly these nodes. Returns the tasks.
async fn until_on(manager: &Docker, service: &str, nodes: &BTreeSet<String>) -> Result<Vec<Task>> {
    loop {
        let options = ListTasks {
            filters: TaskFilters {
                service: [service].into(),
                desired_state: vec![TaskState::Running],
                ..Default::default()
            },
        };
        let mut tasks = manager.tasks().list(options).await?;
        tasks.retain(|task| task.status.state == TaskState::Running);
        let on: BTreeSet<_> = tasks.iter().map(|task| task.node_id.clone()).collect();
        if tasks.len() == TASKS && on == *nodes {
            return Ok(tasks);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One call returns the output of all tasks on all nodes, with the task of each line.
async fn logs(manager: &Docker, service: &str, tasks: &[Task]) -> Result<()> {
    let options = ReadTaskLogs {
        follow: true,
        details: true,
        ..Default::default()
    };
    let mut output = manager.services().logs(service, options).await?;
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let mut text = String::new();
    while lines.values().sum::<usize>() < 2 * TASKS {
        let chunk = output.next().await.expect("tasks that run go on writing")?;
        text.push_str(&String::from_utf8_lossy(chunk.bytes()));
        lines = tasks
            .iter()
            .map(|task| (&*task.id, text.matches(&*task.id).count()))
            .collect();
    }
    assert!(lines.values().all(|count| *count == 2), "{text}");
    Ok(())
}

/// A manager inspects tasks of other nodes and reads their logs. Only the engine of its node knows
/// a container.
async fn elsewhere(manager: &Docker, engine: &Docker, node: &str, tasks: &[Task]) -> Result<()> {
    let task = tasks
        .iter()
        .find(|task| task.node_id == node)
        .expect("a task on each node");
    let inspected = manager.tasks().inspect(&task.id).await?;
    let container = inspected.status.container_status.expect("it runs").container_id;
    let here = manager.containers().inspect(&container, Default::default()).await;
    assert!(here.unwrap_err().is_not_found(), "the manager does not run it");
    let there = engine
        .containers()
        .inspect(&container, Default::default())
        .await?;
    let (stdout, _) = manager
        .tasks()
        .logs(&task.id, Default::default())
        .await?
        .collect()
        .await?;
    let hostname = there.config.hostname;
    assert_eq!(stdout, format!("{hostname}\nready\n"));
    Ok(())
}
