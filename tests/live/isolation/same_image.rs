//! One image on `docker` and on `sandbox`: the same files, and the same settings of commands.

use std::os::unix::fs::PermissionsExt;

use isolation::engines::docker::{BuildSpec, DockerEngine};
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::{Command, Engine, Environment, EnvironmentId, EnvironmentSpec, Main, Manager, Registry};

use super::{active, ended, engine, manager_of, sh};
use crate::support::{Subject, engines, one_line};

/// Layers that remove and replace what is below: a directory is emptied, becomes a link, and gets a
/// file by that link; a directory without write permission gets a file.
const DOCKERFILE: &str = r#"FROM debian-dash:latest
ENV ONE="a  b" TWO='$HOME "q" \' EMPTY=
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >>/etc/passwd && \
    printf 'root:x:0:\napp:x:1001:\nwheel:x:10:app\n' >/etc/group
RUN mkdir -p /srv/d/sub /srv/keep && echo 1 >/srv/d/sub/k && echo 2 >/srv/keep/a && \
    ln /srv/keep/a /srv/keep/hard && chown 5:6 /srv/keep/a && chmod 4751 /srv/keep/a && \
    ln -s /etc/passwd /srv/absolute && mkfifo /srv/pipe && echo x >"$(printf '/srv/a name\nof two lines')" && touch -d '1999-01-02 03:04:05' /srv/old && chmod 0555 /srv/keep
RUN rm -rf /srv/d/sub && mkdir /srv/d/sub && echo 3 >/srv/d/sub/new
RUN mv /srv/d /srv/moved && ln -s moved /srv/d && echo 4 >/srv/d/through && echo 5 >/srv/keep/later
RUN rm -rf /srv/moved/sub && rm /srv/keep/hard
USER app
WORKDIR /work/dir
ENTRYPOINT ["sh", "-c", "echo \"$0 $#: $*\"; pwd; id; echo \"$ONE|$TWO|$HOME\"", "a b"]
CMD ["c  d", "", "é"]
"#;

/// Everything of a file except the number of links, which an overlay shows as in the layer of the
/// file, and the size of a directory.
const TREE: &str = "ls -lARn --time-style=+%s /srv /usr /home /work | sed -e '/^total/d' \
                    -e 's/^\\([^ ]*\\)  *[0-9]*  *\\([0-9]*\\)  *\\([0-9]*\\)  */\\1 \\2 \\3 /' \
                    -e 's/^\\(d[^ ]* [0-9]* [0-9]*\\) [0-9]*/\\1/'; \
                    cd /srv && sha256sum keep/* moved/* old; cat /srv/absolute";

const SETTINGS: &str =
    "env | grep -v -e ^HOSTNAME= -e ^PWD= -e ^SHLVL= -e ^_= -e ^ISOLATION_ | sort; pwd; id";

/// The settings of an image that an environment has.
async fn seen(environment: &Environment) -> (String, String) {
    let tree = Command {
        user: Some("0".to_owned()),
        ..Command::shell(TREE)
    };
    let tree = environment.run(tree).await.unwrap();
    assert!(tree.exit.success(), "{}", tree.stderr_text());
    (tree.stdout_text(), sh(environment, SETTINGS).await)
}

/// The same of the image's own program.
async fn printed(manager: &Manager, image: &str) -> String {
    let spec = EnvironmentSpec {
        main: Main::Image,
        ..of(image)
    };
    let (environment, output) = ended(manager, spec).await;
    environment.destroy().await.unwrap();
    output.stdout_text()
}

fn of(image: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(image.to_owned()),
        ..EnvironmentSpec::default()
    }
}

/// The engine, if its environments have several users here.
async fn sandbox(base: &std::path::Path) -> Option<SandboxEngine> {
    std::fs::set_permissions(base, std::fs::Permissions::from_mode(0o711)).unwrap();
    let sandbox = SandboxEngine::below(base).with_cache(base.join("images"));
    let probe = sandbox.probe().await;
    let has_users = probe.capabilities.has(isolation::Feature::Users);
    (probe.availability.is_available() && has_users).then_some(sandbox)
}

/// Imports an image from a daemon.
async fn import(sandbox: &SandboxEngine, subject: &Subject, image: &str) {
    let daemon = DockerEngine::new(subject.docker.clone());
    let archive = daemon.images().save(&[image]).await.unwrap();
    let mut options = ImportImage::default();
    options.image = Some(image.to_owned());
    let imported = sandbox
        .images()
        .import(ImageSource::Archive(archive), options)
        .await;
    imported.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_is_the_same_on_both_engines() {
    let base = tempfile::tempdir().unwrap();
    let Some(sandbox) = sandbox(base.path()).await else {
        eprintln!("skipped: there is no sandbox with several users");
        return;
    };
    for subject in engines() {
        // The negotiation finds out whether it is Podman, whose builds differ.
        subject.docker.version().await.unwrap();
        if subject.docker.is_podman() == Some(true) {
            continue;
        }
        let (docker, prefix) = engine(&subject);
        let build = BuildSpec {
            files: [
                ("Dockerfile".to_owned(), DOCKERFILE.as_bytes().to_vec()),
                (
                    "unique".to_owned(),
                    EnvironmentId::random().to_string().into_bytes(),
                ),
            ]
            .into(),
            ..BuildSpec::default()
        };
        let built = docker.images().build(&build, |_| ()).await;
        let image = built.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let image = image.name;
        import(&sandbox, &subject, &image).await;
        let mut registry = Registry::new();
        registry.register(sandbox.clone()).unwrap();
        let on_daemon = DockerEngine::new(subject.docker.clone());
        let there = manager_of(on_daemon.with_prefix(&prefix).unwrap());
        let here = Manager::new(registry);
        assert_eq!(
            printed(&here, &image).await,
            printed(&there, &image).await,
            "{}",
            subject.name
        );
        let mut with_root = of(&image);
        // On 20.10, a command of root in a container of another user has no kernel capability
        // otherwise.
        with_root.security.allow_new_privileges = true;
        let (inside, container) = (active(&here, of(&image)).await, active(&there, with_root).await);
        let (found, expected) = (seen(&inside).await, seen(&container).await);
        assert!(
            expected.0.contains("4751") || expected.0.contains("-rwsr-x--x"),
            "{expected:?}"
        );
        assert_eq!(found.0, expected.0, "{}", subject.name);
        assert_eq!(found.1, expected.1, "{}", subject.name);
        for environment in [inside, container] {
            environment.destroy().await.unwrap();
        }
        docker.images().remove(&image, true).await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
