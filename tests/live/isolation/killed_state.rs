//! Leftovers of snapshots, forks and migrations that are dropped, that fail, or whose process is
//! killed: no paused environment, no image, no file.

use std::path::Path;
use std::process::{Child, Command as Process, Output, Stdio};
use std::time::Duration;

use engine_api::containers::{ContainerFilters, CreateContainer, ListContainers, RemoveContainer, RunState};
use engine_api::images::{CommitImage, ImageFilters, ListImages};
use isolation::engines::docker::labels;
use isolation::{Environment, EnvironmentId, ForkOptions, Manager};

use super::owner::Owner;
use super::owner_ends::{program, reaper};
use super::{active, manager, of_image, remove_image, sh};
use crate::support::{IMAGE, Subject, engines, until};

/// An image with a label that no other image has, so that the images of its forks can be counted.
struct Labelled {
    image: String,
    label: String,
}

impl Labelled {
    async fn new(subject: &Subject) -> Self {
        let name = format!("live_{}", EnvironmentId::random().short());
        let containers = subject.docker.containers();
        let body = CreateContainer {
            name: Some(name.clone()),
            image: IMAGE.to_owned(),
            cmd: ["true"].into(),
            ..CreateContainer::default()
        };
        containers.create(body).await.unwrap();
        let label = format!("live.test={name}");
        let image = format!("localhost/{name}:base");
        let commit = CommitImage {
            repo: image.clone(),
            changes: vec![format!("LABEL {label}")],
            ..CommitImage::default()
        };
        subject.docker.images().commit(&name, commit).await.unwrap();
        containers
            .remove(&name, RemoveContainer::default())
            .await
            .unwrap();
        Self { image, label }
    }

    /// The number of images with the label, those without a name included.
    async fn count(&self, subject: &Subject) -> usize {
        let filters = ImageFilters {
            label: [self.label.as_str()].into(),
            ..ImageFilters::default()
        };
        let options = ListImages {
            filters,
            ..ListImages::default()
        };
        subject.docker.images().list(options).await.unwrap().len()
    }

    async fn until_alone(&self, subject: &Subject, what: &str) {
        let what = format!("{}: {what}: images are left", subject.name);
        until(&what, async || self.count(subject).await == 1).await;
    }
}

/// Each fork is destroyed before the next one is made: the image stays until the end.
async fn taken_one_by_one(manager: &Manager, environment: &Environment) {
    let forks = manager
        .prepare_forks(environment, 1, ForkOptions::default())
        .await;
    let forks = forks.unwrap();
    for _ in 0..4 {
        let fork = forks.take().await.unwrap();
        assert_eq!(sh(&fork, "cat /state").await, "saved");
        fork.destroy().await.unwrap();
    }
}

/// Taken forks and those that are ready are dropped.
async fn dropped(manager: &Manager, environment: &Environment) {
    let forks = manager
        .prepare_forks(environment, 2, ForkOptions::default())
        .await;
    let forks = forks.unwrap();
    let taken = forks.take().await.unwrap();
    drop(forks);
    assert_eq!(sh(&taken, "cat /state").await, "saved");
    drop(taken);
    drop(
        manager
            .fork(environment, 2, ForkOptions::default())
            .await
            .unwrap(),
    );
}

/// The future of the caller is dropped at several points.
async fn interrupted(manager: &Manager, environment: &Environment) {
    for pause in [5, 40, 150, 400] {
        let forks = manager.prepare_forks(environment, 2, ForkOptions::default());
        let _ = tokio::time::timeout(Duration::from_millis(pause), Box::pin(forks)).await;
        let what = format!("it stays paused after {pause} ms");
        until(&what, async || {
            environment.inspect().await.unwrap().status == isolation::Status::Running
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_of_forks_ends_with_the_last_of_them() {
    for subject in engines() {
        let labelled = Labelled::new(&subject).await;
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, of_image(&labelled.image)).await;
        sh(&environment, "echo saved >/state").await;
        taken_one_by_one(&manager, &environment).await;
        labelled.until_alone(&subject, "taken one by one").await;
        dropped(&manager, &environment).await;
        labelled.until_alone(&subject, "dropped").await;
        interrupted(&manager, &environment).await;
        labelled.until_alone(&subject, "interrupted").await;
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&subject, &labelled.image).await;
    }
}

/// Two environments cannot publish one port of the host, so that no fork starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_of_failed_forks_is_removed() {
    for subject in engines() {
        let labelled = Labelled::new(&subject).await;
        let (manager, prefix) = manager(&subject);
        let mut spec = of_image(&labelled.image);
        spec.network.ports.push("80".parse().unwrap());
        let first = active(&manager, spec.clone()).await;
        // A port that was free a moment ago, and that the daemon has given to the first one.
        let port = first.endpoint(80).await.unwrap().port;
        first.destroy().await.unwrap();
        spec.network.ports = vec![format!("{port}:80").parse().unwrap()];
        let environment = active(&manager, spec).await;
        manager
            .prepare_forks(&environment, 2, ForkOptions::default())
            .await
            .unwrap_err();
        manager
            .fork(&environment, 2, ForkOptions::default())
            .await
            .unwrap_err();
        labelled.until_alone(&subject, "failed").await;
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&subject, &labelled.image).await;
    }
}

#[tokio::test]
async fn image_of_a_killed_owner_is_collected() {
    for subject in engines() {
        let labelled = Labelled::new(&subject).await;
        let address = subject.docker.address();
        let arguments = ["forks", &labelled.image];
        let mut owner = Owner::start(&address, &[("ISOLATE_REAPER", "off")], &arguments);
        assert_eq!(owner.line(), "ready", "{}", subject.name);
        assert!(labelled.count(&subject).await > 1, "{}", subject.name);
        owner.kill();
        let user = User::of(&subject, owner.state.path());
        user.gc();
        labelled.until_alone(&subject, "killed").await;
        subject.until_nothing_is_left(&owner.prefix).await;
        let mut left = user.state("journal");
        // It may have been killed while it wrote an entry. Such a file is removed after an hour.
        left.retain(|name| !name.starts_with('.'));
        assert!(left.is_empty(), "{}: {left:?}", subject.name);
        remove_image(&subject, &labelled.image).await;
    }
}

/// Runs the command `isolate` for a user whose files are all in directories of their own.
struct User<'a> {
    subject: &'a Subject,
    state: &'a Path,
    home: tempfile::TempDir,
}

impl<'a> User<'a> {
    fn of(subject: &'a Subject, state: &'a Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        Self { subject, state, home }
    }

    fn command(&self, arguments: &[&str]) -> Process {
        let mut command = Process::new(program());
        command
            .args(["--host", &self.subject.docker.address()])
            .args(arguments)
            .env("HOME", self.home.path())
            .env("TMPDIR", self.home.path().join("tmp"))
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("ISOLATE_STATE_DIR", self.state)
            .env("ISOLATE_REAPER", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{}: {arguments:?}: {err}",
            self.subject.name
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn gc(&self) -> String {
        self.run(&["gc"])
    }

    /// The files of a directory of the state.
    fn state(&self, directory: &str) -> Vec<String> {
        names(&self.state.join(directory))
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect()
}

/// A kept environment of a user, which is removed in the end.
struct Kept<'a> {
    user: &'a User<'a>,
    id: String,
}

impl<'a> Kept<'a> {
    fn new(user: &'a User<'a>, image: &str) -> Self {
        let id = user.run(&["create", "--engine", "docker", "--image", image]);
        user.run(&["start", &id]);
        Self { user, id }
    }

    async fn is_paused(&self) -> bool {
        let filters = ContainerFilters {
            label: [format!("{}={}", labels::ENVIRONMENT, self.id)].into(),
            ..ContainerFilters::default()
        };
        let options = ListContainers {
            all: true,
            filters,
            ..ListContainers::default()
        };
        let containers = self.user.subject.docker.containers();
        containers.list(options).await.unwrap()[0].state == RunState::Paused
    }

    /// Starts the command again and again, until it was killed while the environment was paused.
    async fn kill_while_paused(&self, command: impl Fn() -> Process) {
        for _ in 0..20 {
            let mut child = command().spawn().unwrap();
            if self.killed_while_paused(&mut child).await {
                return;
            }
        }
        panic!("{}: it was never paused", self.user.subject.name);
    }

    async fn killed_while_paused(&self, child: &mut Child) -> bool {
        loop {
            let is_paused = self.is_paused().await;
            if is_paused {
                child.kill().unwrap();
            }
            if child.try_wait().unwrap().is_some() || is_paused {
                child.wait().unwrap();
                // It may have resumed it at the same time.
                return is_paused && self.is_paused().await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let _ = self.user.output(&["rm", "--force", &self.id]);
    }
}

#[tokio::test]
async fn killed_process_leaves_nothing_paused() {
    for subject in engines() {
        let labelled = Labelled::new(&subject).await;
        let state = tempfile::tempdir().unwrap();
        let user = User::of(&subject, state.path());
        let kept = Kept::new(&user, &labelled.image);
        let id = kept.id.as_str();
        let script = "mkdir /work && dd if=/dev/zero of=/work/large bs=1M count=150 2>/dev/null";
        user.run(&["exec", id, "sh", "-c", script]);
        for verb in [
            &["snapshot", "create", id][..],
            &["fork", id],
            &["migrate", id, "basic", "--directory", "/work"],
        ] {
            kept.kill_while_paused(|| user.command(verb)).await;
            assert_eq!(user.state("pauses").len(), 1, "{}: {verb:?}", subject.name);
            let shown = user.run(&["gc", "--dry-run"]);
            assert!(shown.contains(&format!("would resume {id}")), "{verb:?}: {shown}");
            assert!(kept.is_paused().await, "{}: {verb:?}", subject.name);
            let done = user.gc();
            assert!(done.contains(&format!("resumed {id}")), "{verb:?}: {done}");
            assert!(!kept.is_paused().await, "{}: {verb:?}", subject.name);
            assert_eq!(user.run(&["exec", id, "echo", "alive"]), "alive");
            for directory in ["pauses", "migrations"] {
                let left = user.state(directory);
                assert!(left.is_empty(), "{}: {verb:?}: {left:?}", subject.name);
            }
            let left = names(&user.home.path().join("tmp"));
            assert!(left.is_empty(), "{}: {verb:?}: {left:?}", subject.name);
            // The image of the environment, and nothing else.
            labelled.until_alone(&subject, &verb.join(" ")).await;
        }
        // A pause of the user stays, also if a killed process had paused it before.
        kept.kill_while_paused(|| user.command(&["fork", id])).await;
        user.run(&["pause", id]);
        assert!(!user.gc().contains("resumed"), "{}", subject.name);
        assert!(kept.is_paused().await, "{}", subject.name);
        user.run(&["unpause", id]);
        // Without a call of the user, the reaper resumes it.
        kept.kill_while_paused(|| {
            let mut command = user.command(&["snapshot", "create", "--full", id]);
            command.env(reaper().0, reaper().1);
            command
        })
        .await;
        let what = format!("{}: the reaper does not resume it", subject.name);
        until(&what, async || !kept.is_paused().await).await;
        until(&what, async || user.state("pauses").is_empty()).await;
        drop(kept);
        user.gc();
        labelled.until_alone(&subject, "the reaper").await;
        remove_image(&subject, &labelled.image).await;
    }
}
