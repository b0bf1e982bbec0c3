//! Containers.

use engine_api::archive;
use engine_api::containers::{
    AttachContainer, KillContainer, ListContainers, PruneContainers, ReadLogs, ReadStats, RunContainer,
    RunState, StopContainer, TerminalSize, UpdateContainer, WaitCondition,
};
use engine_api::{Chunk, Docker, Hijacked, Result};

use super::{APART, Scratch, UNTIL_TOLD, has_written, is_podman, remove, shell, started};

/// Every change of state from create to remove.
pub async fn lifecycle(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let created = containers.create(shell("lifecycle", UNTIL_TOLD)).await?;
    let state = containers.inspect(&created.id, Default::default()).await?.state;
    assert_eq!(state.status, RunState::Created);
    assert!(
        containers.start(&created.id, Default::default()).await?,
        "it did not run before"
    );
    assert!(
        !containers.start(&created.id, Default::default()).await?,
        "it runs already"
    );
    has_written(&docker, &created.id, "ready").await?;

    containers.rename(&created.id, "ptest_renamed").await?;
    let container = containers.inspect("ptest_renamed", Default::default()).await?;
    assert_eq!(
        (container.id.as_str(), container.plain_name()),
        (created.id.as_str(), "ptest_renamed")
    );
    assert!(container.state.running);

    let limits = UpdateContainer {
        memory: 64 << 20,
        memory_swap: 64 << 20,
        ..Default::default()
    };
    containers.update("ptest_renamed", limits).await?;
    let updated = containers.inspect("ptest_renamed", Default::default()).await?;
    assert_eq!(updated.host_config.memory, 64 << 20);

    containers.pause("ptest_renamed").await?;
    let paused = containers.inspect("ptest_renamed", Default::default()).await?;
    assert_eq!(paused.state.status, RunState::Paused);
    containers.unpause("ptest_renamed").await?;
    containers.restart("ptest_renamed", Default::default()).await?;

    assert!(
        containers.stop("ptest_renamed", StopContainer::default()).await?,
        "it ran"
    );
    assert!(
        !containers.stop("ptest_renamed", StopContainer::default()).await?,
        "it does not run"
    );
    let ended = containers
        .wait("ptest_renamed", WaitCondition::NotRunning)
        .await?;
    assert_eq!((ended.status_code, ended.error), (0, None));
    containers.remove("ptest_renamed", Default::default()).await?;
    assert!(
        containers
            .inspect("ptest_renamed", Default::default())
            .await
            .unwrap_err()
            .is_not_found()
    );
    Ok(())
}

/// List, top, stats and changes.
pub async fn look(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    // One process, which waits.
    let mut container = shell("look", "echo new > /tmp/new; echo ready; read line");
    container.open_stdin = true;
    container.labels.insert("ptest".into(), "look".into());
    let id = started(&docker, container).await?;
    has_written(&docker, &id, "ready").await?;
    let container = containers.inspect(&id, Default::default()).await?;
    assert_eq!(container.config.labels["ptest"], "look");

    let mut options = ListContainers::default();
    options.filters.label = ["ptest=look"].into();
    let listed = containers.list(options.clone()).await?;
    assert_eq!(
        listed.iter().map(|c| c.plain_name()).collect::<Vec<_>>(),
        ["ptest_look"]
    );
    options.filters.label = ["ptest=other"].into();
    assert_eq!(containers.list(options).await?, []);

    let processes = containers.top(&id, Default::default()).await?;
    assert!(!processes.processes.is_empty() && !processes.titles.is_empty());
    let changes = containers.changes(&id).await?;
    assert!(
        changes.iter().any(|change| change.path == "/tmp/new"),
        "{changes:?}"
    );
    let one = ReadStats {
        stream: false,
        ..Default::default()
    };
    let stats = containers
        .stats(&id, one)
        .await?
        .next()
        .await
        .expect("one sample")?;
    assert!(stats.memory_usage() > 0 && stats.cpu_stats.cpu_usage.total_usage > 0);

    let killed = KillContainer {
        signal: "SIGKILL".into(),
    };
    containers.kill(&id, killed.clone()).await?;
    assert_eq!(
        containers.wait(&id, WaitCondition::NotRunning).await?.status_code,
        137
    );
    // The error of Podman contains a state that soon changes.
    if !is_podman(&docker).await? {
        assert!(containers.kill(&id, killed).await.unwrap_err().is_conflict());
    }
    remove(&docker, &id).await
}

/// Run to completion: separate streams, exit code, input, terminal. Nothing is left behind.
pub async fn run(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let finished = containers
        .run(shell("run", &format!("echo out; {APART}; echo err >&2; exit 3")))
        .await?;
    assert_eq!((finished.exit_code, finished.output_complete), (3, true));
    assert_eq!(
        (&finished.stdout[..], &finished.stderr[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );

    let sort = shell("run", &format!("sort; {APART}; echo sorted >&2"));
    let options = RunContainer {
        input: "b\na\n".into(),
        ..Default::default()
    };
    let finished = containers.run_with(sort, options).await?;
    assert_eq!(
        (&finished.stdout[..], &finished.stderr[..]),
        (&b"a\nb\n"[..], &b"sorted\n"[..])
    );

    let mut terminal = shell("run", "echo out; echo err >&2; exit 4");
    terminal.tty = true;
    let finished = containers.run(terminal).await?;
    assert_eq!(
        (finished.exit_code, &finished.stdout[..]),
        (4, &b"out\r\nerr\r\n"[..])
    );
    assert!(
        containers
            .inspect("ptest_run", Default::default())
            .await
            .unwrap_err()
            .is_not_found()
    );
    Ok(())
}

/// Logs: complete, the last lines, with times, followed.
pub async fn logs(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let id = started(
        &docker,
        shell(
            "logs",
            // The last pause: Podman takes the time of a line when it reads it, which may be after
            // the end of the process.
            &format!("for n in 1 2 3; do {APART}; echo out $n; {APART}; echo err $n >&2; done; {APART}"),
        ),
    )
    .await?;
    assert_eq!(
        containers.wait(&id, WaitCondition::NotRunning).await?.status_code,
        0
    );

    let (stdout, stderr) = containers.logs(&id, ReadLogs::default()).await?.collect().await?;
    assert_eq!(
        (&stdout[..], &stderr[..]),
        (&b"out 1\nout 2\nout 3\n"[..], &b"err 1\nerr 2\nerr 3\n"[..])
    );
    let only_stdout = ReadLogs {
        stderr: false,
        tail: Some(1),
        ..Default::default()
    };
    let (stdout, stderr) = containers.logs(&id, only_stdout).await?.collect().await?;
    assert!(stdout.is_empty() || &stdout[..] == b"out 3\n", "{stdout:?}");
    assert!(stderr.is_empty());
    let timed = ReadLogs {
        timestamps: true,
        follow: true,
        ..Default::default()
    };
    let (stdout, _) = containers.logs(&id, timed).await?.collect().await?;
    let first = String::from_utf8_lossy(&stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(first.contains('T') && first.ends_with(" out 1"), "{first:?}");
    remove(&docker, &id).await
}

/// Attaches to a terminal, writes to it and resizes it.
pub async fn attach(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let mut container = shell("attach", "read line; echo got $line; exit 5");
    (container.tty, container.open_stdin, container.stdin_once) = (true, true, true);
    let id = containers.create(container).await?.id;
    let options = AttachContainer {
        stdin: true,
        ..Default::default()
    };
    let Hijacked {
        mut input,
        mut output,
        ..
    } = containers.attach(&id, options).await?;
    containers.start(&id, Default::default()).await?;
    containers
        .resize(
            &id,
            TerminalSize {
                height: 40,
                width: 120,
            },
        )
        .await?;
    input.write(b"hello\n").await?;
    let mut text = String::new();
    while let Some(chunk) = output.next().await {
        let chunk = chunk?;
        assert!(
            matches!(chunk, Chunk::Terminal(_)),
            "a terminal's output has no frames: {chunk:?}"
        );
        text.push_str(&String::from_utf8_lossy(chunk.bytes()));
    }
    assert!(text.ends_with("got hello\r\n"), "{text:?}");
    assert_eq!(
        containers.wait(&id, WaitCondition::NotRunning).await?.status_code,
        5
    );
    remove(&docker, &id).await
}

/// Uploads and downloads archives of files.
pub async fn files(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let id = containers.create(shell("files", "cat /tmp/in")).await?.id;
    let content: Vec<u8> = (0..=255).collect();
    containers
        .upload(
            &id,
            "/tmp",
            archive::file("in", 0o640, &content)?,
            Default::default(),
        )
        .await?;
    let stat = containers.stat(&id, "/tmp/in").await?;
    assert_eq!(
        (stat.name.as_str(), stat.size, stat.permissions()),
        ("in", 256, 0o640)
    );
    assert!(stat.is_file() && !stat.is_dir());

    let directory = Scratch::new("files");
    archive::unpack(containers.download(&id, "/tmp/in").await?, directory.path()).await?;
    let back = std::fs::read(directory.path().join("in")).expect("the file came out");
    assert_eq!(back, content);

    assert!(containers.stat(&id, "/no/such").await.unwrap_err().is_not_found());
    assert!(
        containers
            .download(&id, "/no/such")
            .await
            .unwrap_err()
            .is_not_found()
    );
    let nowhere = containers
        .upload(
            &id,
            "/no/such",
            archive::file("x", 0o600, "x")?,
            Default::default(),
        )
        .await;
    // Podman creates the directory instead.
    if let Err(error) = &nowhere {
        assert!(error.is_not_found(), "{error}");
    }
    assert_eq!(docker.system().ping().await?.is_podman(), nowhere.is_ok());
    remove(&docker, &id).await
}

/// Exports all files of a container as one archive.
pub async fn export(docker: Docker) -> Result<()> {
    let mut container = shell("export", "true");
    container.image = super::images::tiny(&docker).await?;
    let image = container.image.clone();
    let id = docker.containers().create(container).await?.id;
    let archive = docker.containers().export(&id).await?.collect().await?;
    assert!(
        archive.windows(5).any(|bytes| bytes == b"hello"),
        "the file's content is in the archive"
    );
    remove(&docker, &id).await?;
    super::images::drop_tiny(&docker, &image).await
}

/// Prunes stopped containers by label.
pub async fn prune(docker: Docker) -> Result<()> {
    let mut container = shell("prune", "true");
    container.labels.insert("ptest".into(), "prune".into());
    let id = docker.containers().create(container).await?.id;
    let options = PruneContainers {
        label: ["ptest=prune"].into(),
        ..Default::default()
    };
    let pruned = docker.containers().prune(options.clone()).await?;
    assert_eq!(pruned.containers_deleted, [id]);
    assert_eq!(
        docker.containers().prune(options).await?.containers_deleted,
        [""; 0]
    );
    Ok(())
}

/// Rejected calls, each with the kind of its error.
pub async fn refusals(docker: Docker) -> Result<()> {
    let containers = docker.containers();
    let id = containers.create(shell("refusals", "true")).await?.id;
    let taken = containers.create(shell("refusals", "true")).await.unwrap_err();
    assert!(
        taken.status() == Some(409) || taken.status() == Some(500),
        "{taken}"
    );
    let mut unknown = shell("unknown", "true");
    unknown.image = "ptest/no-such-image".into();
    assert!(containers.create(unknown).await.unwrap_err().is_not_found());
    for error in [
        containers
            .start("ptest_nobody", Default::default())
            .await
            .unwrap_err(),
        containers
            .stop("ptest_nobody", Default::default())
            .await
            .unwrap_err(),
        containers
            .remove("ptest_nobody", Default::default())
            .await
            .unwrap_err(),
        containers
            .wait("ptest_nobody", WaitCondition::NotRunning)
            .await
            .unwrap_err(),
        containers
            .logs("ptest_nobody", Default::default())
            .await
            .unwrap_err(),
        containers
            .attach("ptest_nobody", Default::default())
            .await
            .unwrap_err(),
    ] {
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.subject(), Some("ptest_nobody"));
    }
    let idle = containers.pause(&id).await.unwrap_err();
    assert!(idle.status().is_some(), "{idle}");
    remove(&docker, &id).await
}

/// More output than any buffer holds, complete and in order.
pub async fn flood(docker: Docker) -> Result<()> {
    let command = "i=0; while [ $i -lt 2000 ]; do echo line $i of the flood; i=$((i+1)); done";
    let finished = docker.containers().run(shell("flood", command)).await?;
    let expected: String = (0..2000).map(|n| format!("line {n} of the flood\n")).collect();
    assert_eq!(finished.stdout, expected);
    Ok(())
}
