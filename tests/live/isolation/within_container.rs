//! The engine `sandbox` in a container: where its probe refuses with advice, and where it works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use bytes::Bytes;
use engine_api::Upload;
use engine_api::common::StringList;
use engine_api::containers::{CreateContainer, HostConfig, ReadLogs, StartContainer, WaitCondition};

use crate::build_session::isolate::program;
use crate::support::{Subject, engines, one_line};

/// An image with the programs that an environment needs, and the layout of Debian.
const IMAGE: &str = "debian-dash:latest";

/// How to start a container in which the engine works.
const ADVICE: &str = "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined";

/// Prints what the engine reports, and runs a command in an environment.
const SCRIPT: &str = "isolate doctor 2>&1; \
                      isolate run --engine sandbox -- sh -c 'echo \"ran as $(id -u)\"' 2>&1";

/// The libraries of a program, the loader included.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let ldd = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(ldd.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

/// An archive of `isolate` and `bwrap` with their libraries, for the root of an image.
fn programs() -> Bytes {
    static ARCHIVE: OnceLock<Bytes> = OnceLock::new();
    let make = || {
        let (isolate, bwrap) = (program(), PathBuf::from("/usr/bin/bwrap"));
        assert!(bwrap.exists(), "install the package bubblewrap");
        let mut archive = tar::Builder::new(Vec::new());
        // Docker does not read archives of files with holes.
        archive.sparse(false);
        // In the image `/lib` and `/lib64` are links.
        let mut libraries = [libraries(&isolate), libraries(&bwrap)].concat();
        libraries.sort();
        libraries.dedup();
        for library in libraries {
            let below = library.strip_prefix("/").unwrap();
            let inside = match below.starts_with("usr") {
                true => below.to_owned(),
                false => Path::new("usr").join(below),
            };
            archive.append_path_with_name(&library, inside).unwrap();
        }
        for program in [&isolate, &bwrap] {
            let inside = Path::new("usr/bin").join(program.file_name().unwrap());
            archive.append_path_with_name(program, inside).unwrap();
        }
        Bytes::from(archive.into_inner().unwrap())
    };
    ARCHIVE.get_or_init(make).clone()
}

/// The output of the script in a container with these settings, as this user; the error if the
/// container cannot be started.
async fn told(subject: &Subject, host_config: HostConfig, user: &str) -> engine_api::Result<String> {
    let containers = subject.docker.containers();
    let container = CreateContainer {
        image: IMAGE.to_owned(),
        user: user.to_owned(),
        env: ["HOME=/tmp", "ISOLATE_STATE_DIR=/tmp/state"].into(),
        cmd: ["sh", "-c", SCRIPT].into(),
        host_config: HostConfig {
            network_mode: "none".to_owned(),
            ..host_config
        },
        ..CreateContainer::default()
    };
    let container = containers.create_temporary(container).await?;
    let upload = Upload::from(programs());
    containers
        .upload(container.id(), "/", upload, Default::default())
        .await?;
    containers
        .start(container.id(), StartContainer::default())
        .await?;
    containers.wait(container.id(), WaitCondition::NotRunning).await?;
    let output = containers.logs(container.id(), ReadLogs::default()).await?;
    let (stdout, _) = output.collect().await?;
    container.remove().await?;
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

fn without_seccomp() -> HostConfig {
    HostConfig {
        security_opt: ["seccomp=unconfined"].into(),
        ..HostConfig::default()
    }
}

/// The paths that the docker command sends for `systempaths=unconfined`, too.
fn unconfined() -> HostConfig {
    HostConfig {
        masked_paths: Some(StringList::default()),
        readonly_paths: Some(StringList::default()),
        ..without_seccomp()
    }
}

fn privileged() -> HostConfig {
    HostConfig {
        privileged: true,
        ..HostConfig::default()
    }
}

#[tokio::test]
async fn sandbox_in_a_container_works_or_advises() {
    for subject in engines() {
        // The negotiation finds out whether it is Podman, which has other defaults.
        subject.docker.version().await.unwrap();
        if subject.docker.is_podman() == Some(true) {
            continue;
        }
        for user in ["0:0", "1000:1000"] {
            for (how, settings, refusal) in [
                ("default", HostConfig::default(), Some("namespaces")),
                (
                    "without seccomp",
                    without_seccomp(),
                    Some("no /proc can be mounted"),
                ),
                ("unconfined", unconfined(), None),
                ("privileged", privileged(), None),
            ] {
                let name = format!("{} as {user}, {how}", subject.name);
                let is_privileged = settings.privileged;
                let text = match told(&subject, settings, user).await {
                    Ok(text) => text,
                    // An old runtime on a machine that has not all capabilities itself.
                    Err(error) if is_privileged && one_line(&error).contains("unable to apply caps") => {
                        eprintln!("{name}: skipped: {}", one_line(&error));
                        continue;
                    }
                    Err(error) => panic!("{name}: {}", one_line(&error)),
                };
                let doctor = text.lines().find(|line| line.starts_with("Engine sandbox:"));
                let doctor = doctor.unwrap_or_else(|| panic!("{name}: {text}"));
                match refusal {
                    Some(why) => {
                        assert!(doctor.contains(why) && doctor.contains(ADVICE), "{name}: {text}");
                        assert!(text.matches(ADVICE).count() == 2, "{name}: {text}");
                        assert!(!text.contains("ran as"), "{name}: {text}");
                    }
                    None => {
                        assert!(doctor.contains("available: bubblewrap"), "{name}: {text}");
                        assert!(text.contains("ran as 0\n"), "{name}: {text}");
                    }
                }
            }
        }
    }
}
