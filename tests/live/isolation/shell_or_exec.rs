//! Every command has the same result in a command shell as with an exec, whatever `sh` is.

use engine_api::containers::{ContainerFilters, ListContainers};
use engine_api::exec::{CreateExec, StartExec};
use engine_api::volumes::{CreateVolume, RemoveVolume};
use engine_api::{Docker, Hijacked};
use isolation::{Command, Environment, EnvironmentSpec, Input, Mount, SecuritySpec};

use super::command_table::commands;
use super::random_command::Random;
use super::{active, manager, sh};
use crate::support::{IMAGE, Subject, engines, rounds};

/// The images, by their `sh`: of busybox, dash, bash.
pub(super) const IMAGES: [&str; 3] = [IMAGE, "debian-dash:latest", "debian-bash:latest"];

/// Files for the commands: programs that cannot be run, directories, a link.
pub(super) const FILES: &str = r#"mkdir -p "/x/d 'q" /x/t/u /x/bin; cd /x; ln -s /x/t/u link
printf '#!/no/such/interpreter\n' >badint; printf 'echo no first line\n' >nobang; : >empty; : >plain
printf '#!/bin/sh\necho p "$0" "$@"\n' >p; cp p a=b; cp p bin/echo; cp p bin/cat
chmod 755 badint nobang empty p a=b bin/*; chmod 644 plain"#;

/// Exit code, standard output, standard error.
type Outcome = (i64, Vec<u8>, Vec<u8>);

/// The ID of an environment's container.
pub(super) async fn container(docker: &Docker, environment: &Environment) -> String {
    let filters = ContainerFilters {
        name: [environment.id().as_str()].into(),
        ..ContainerFilters::default()
    };
    let options = ListContainers {
        filters,
        ..ListContainers::default()
    };
    docker.containers().list(options).await.unwrap()[0].id.clone()
}

/// Runs a command with an exec of the daemon.
pub(super) async fn by_exec(docker: &Docker, container: &str, command: &Command) -> Outcome {
    let input = match &command.input {
        Input::Bytes(bytes) => Some(bytes),
        _ => None,
    };
    let options = CreateExec {
        cmd: command.argv.clone().into(),
        env: command
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        working_dir: command.working_dir.clone().unwrap_or_default(),
        attach_stdin: input.is_some(),
        attach_stdout: true,
        attach_stderr: true,
        ..CreateExec::default()
    };
    let execs = docker.execs();
    let exec = execs.create(container, options).await.unwrap().id;
    let Hijacked {
        input: mut stdin,
        output,
        ..
    } = execs.start(&exec, StartExec::default()).await.unwrap();
    let write = async {
        if let Some(bytes) = input {
            // A command may end without reading all its input.
            let _ = stdin.write(bytes).await;
            let _ = stdin.close().await;
        }
    };
    let (output, ()) = tokio::join!(output.collect(), write);
    let (stdout, stderr) = output.unwrap();
    (execs.wait(&exec).await.unwrap(), stdout.to_vec(), stderr.to_vec())
}

async fn by_shell(environment: &Environment, command: &Command) -> Outcome {
    let output = environment.run(command.clone()).await.unwrap();
    (output.exit.code.into(), output.stdout, output.stderr)
}

/// The lines in order, because `env` prints variables in any order.
fn sorted(command: &Command, (code, stdout, stderr): Outcome) -> Outcome {
    if command.argv != ["env"] {
        return (code, stdout, stderr);
    }
    let mut lines: Vec<_> = stdout.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    (code, lines.join(&b'\n'), stderr)
}

/// An environment of one image, its container, and the volume with [`FILES`] that is mounted in it.
struct Pair<'a> {
    subject: &'a Subject,
    what: String,
    environment: Environment,
    container: String,
    volume: String,
    podman: bool,
}

impl<'a> Pair<'a> {
    async fn new(subject: &'a Subject, image: &str, user: Option<&str>, read_only_root: bool) -> Self {
        let (manager, prefix) = manager(subject);
        let volume = format!("{prefix}files");
        let made = CreateVolume {
            name: volume.clone(),
            ..CreateVolume::default()
        };
        subject.docker.volumes().create(made).await.unwrap();
        let writable = EnvironmentSpec {
            image: Some(image.to_owned()),
            mounts: vec![Mount::volume(&volume, "/x")],
            ..EnvironmentSpec::default()
        };
        let writer = active(&manager, writable.clone()).await;
        sh(&writer, FILES).await;
        writer.destroy().await.unwrap();
        let security = SecuritySpec {
            read_only_root,
            ..SecuritySpec::default()
        };
        let user = user.map(str::to_owned);
        let what = format!(
            "{}: {image}, user {user:?}, read-only {read_only_root}",
            subject.name
        );
        let environment = active(
            &manager,
            EnvironmentSpec {
                user,
                security,
                ..writable
            },
        )
        .await;
        // The manager destroys its environments when it is dropped; the test does that itself.
        environment.keep().await.unwrap();
        let pair = Self {
            container: container(&subject.docker, &environment).await,
            podman: subject.docker.system().ping().await.unwrap().is_podman(),
            subject,
            what,
            environment,
            volume,
        };
        pair.assert_shell().await;
        pair
    }

    /// A command in a shell has a parent in the container; one of an exec has not.
    async fn assert_shell(&self) {
        assert_ne!(sh(&self.environment, "echo $PPID").await, "0", "{}", self.what);
    }

    /// The results in a shell and as an exec.
    async fn both(&self, command: &Command) -> (Outcome, Outcome) {
        let shell = by_shell(&self.environment, command).await;
        let exec = by_exec(&self.subject.docker, &self.container, command).await;
        (sorted(command, shell), sorted(command, exec))
    }

    async fn assert_same(&self, command: &Command, hint: &str) {
        // Podman passes another `argv[0]`, and reports input that is not read on stderr.
        if self.podman && ["./p", "true", "head"].contains(&command.argv[0].as_str()) {
            return;
        }
        // A difference counts if it repeats: on a loaded machine, one of some thousand results was
        // another one, and the same command had equal results before and after.
        let (mut shell, mut exec) = self.both(command).await;
        for _ in 0..2 {
            if shell == exec {
                return;
            }
            (shell, exec) = self.both(command).await;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        assert!(
            shell == exec,
            "{}{hint}: {:.300?} {:?} in {:?}\nshell: {} {:?} {:?}\nexec:  {} {:?} {:?}",
            self.what,
            command.argv,
            command.env,
            command.working_dir,
            shell.0,
            text(&shell.1),
            text(&shell.2),
            exec.0,
            text(&exec.1),
            text(&exec.2),
        );
    }

    async fn end(self) {
        self.assert_shell().await;
        self.environment.destroy().await.unwrap();
        let volumes = self.subject.docker.volumes();
        volumes
            .remove(&self.volume, RemoveVolume::default())
            .await
            .unwrap();
    }
}

async fn table_agrees(image: &str) {
    for subject in engines() {
        for (user, read_only_root) in [(None, false), (Some("1000:1000"), true)] {
            let pair = Pair::new(&subject, image, user, read_only_root).await;
            for command in commands() {
                pair.assert_same(&command, "").await;
            }
            pair.end().await;
        }
    }
}

#[tokio::test]
async fn table_has_the_results_of_execs_on_busybox() {
    table_agrees(IMAGES[0]).await;
}

#[tokio::test]
async fn table_has_the_results_of_execs_on_dash() {
    table_agrees(IMAGES[1]).await;
}

#[tokio::test]
async fn table_has_the_results_of_execs_on_bash() {
    table_agrees(IMAGES[2]).await;
}

#[tokio::test]
async fn random_commands_have_the_results_of_execs() {
    let given = std::env::var("COMMAND_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let seed = given.unwrap_or_else(|| time.into());
    for subject in engines() {
        for image in IMAGES {
            let mut random = Random::new(seed);
            let pair = Pair::new(&subject, image, None, false).await;
            for _ in 0..rounds(15) {
                let hint = format!(", COMMAND_SEED={seed}");
                pair.assert_same(&random.command(), &hint).await;
            }
            pair.end().await;
        }
    }
}
