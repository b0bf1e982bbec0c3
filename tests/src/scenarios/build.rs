//! Images that are built from Dockerfiles or committed from containers.

use std::time::SystemTime;

use engine_api::containers::ContainerConfig;
use engine_api::images::{
    BuildArgs, BuildCacheFilters, BuildContext, BuildImage, Builder, CommitImage, PruneBuildCache,
    RemoveImage,
};
use engine_api::{Docker, ErrorKind, Result};

use super::{Scratch, UNTIL_TOLD, allow, has_written, remove, shell, started};

const DOCKERFILE: &str = "FROM busybox:latest
ARG GREETING=none
ARG UNSET=unset
COPY . /srv/
RUN ls -R /srv && echo \"$GREETING\" > /greeting
CMD [\"cat\", \"/greeting\"]
";

/// The build context of a scenario. Its content differs in each scenario: a layer that is also in
/// the engine's build cache would not be deleted with the image.
struct Project(Scratch);

impl Project {
    fn new(name: &str) -> Self {
        let root = Scratch::new(name);
        for (name, text) in [
            ("Dockerfile", DOCKERFILE),
            (".dockerignore", "secret\n*.log\n!kept.log\n"),
            ("secret/key", "hidden"),
            ("kept.log", "kept"),
            ("lost.log", "lost"),
            ("src/main", name),
        ] {
            let path = root.path().join(name);
            let directory = path.parent().unwrap();
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(&path, text).unwrap();
            allow(directory, 0o755);
            allow(&path, 0o644);
        }
        Self(root)
    }

    fn context(&self) -> BuildContext {
        fresh(BuildContext::directory(self.0.path()))
    }
}

/// Dates all files to the time of this run, for which a recording has a placeholder. With a fixed
/// date, a second run would find the files in the engine's cache and report other progress.
fn fresh(context: BuildContext) -> BuildContext {
    context.modified(SystemTime::now())
}

fn options(name: &str, builder: Builder) -> BuildImage {
    let mut build_args = BuildArgs::from([("GREETING", "hello")]);
    build_args.insert("UNSET".into(), None);
    BuildImage {
        tags: vec![format!("ptest/{name}:1"), format!("ptest/{name}:2")],
        builder,
        build_args,
        labels: [("ptest".to_owned(), name.to_owned())].into(),
        no_cache: true,
        force_remove: true,
        network_mode: "none".into(),
        ..Default::default()
    }
}

/// Makes BuildKit resolve the base image before the build that is recorded: the first build with a
/// base image reports other progress. This build is quiet and reports none.
async fn warm_up(docker: &Docker) -> Result<()> {
    let context = fresh(BuildContext::dockerfile(
        "FROM busybox:latest\nLABEL ptest=warm\n",
    ));
    let options = BuildImage {
        tags: vec!["ptest/warm:1".into()],
        builder: Builder::BuildKit,
        quiet: true,
        ..Default::default()
    };
    let images = docker.images();
    let built = images.build(context, options, None).await?.built().await?;
    let removed = images.remove("ptest/warm:1", RemoveImage::default()).await?;
    let id = built.trim_start_matches("sha256:");
    assert!(
        removed.iter().any(|removed| removed.deleted.ends_with(id)),
        "{id}"
    );
    Ok(())
}

/// Builds a directory, inspects the image, and removes it.
async fn build(docker: &Docker, name: &str, builder: Builder) -> Result<()> {
    let images = docker.images();
    let project = Project::new(name);
    let mut progress = images
        .build(project.context(), options(name, builder), None)
        .await?;
    let (mut id, mut text, mut steps) = (None, String::new(), 0);
    while let Some(line) = progress.next().await {
        let line = line?;
        if let Some(trace) = line.trace()? {
            let printed = trace.logs.iter().flat_map(|log| log.message.clone());
            text.push_str(&String::from_utf8_lossy(&printed.collect::<Vec<_>>()));
            steps += trace.steps.iter().filter(|step| step.completed.is_some()).count();
        }
        id = line.image_id().map(str::to_owned).or(id);
        text.push_str(&line.stream);
    }
    let id = id.unwrap();
    let image = images
        .inspect(&format!("ptest/{name}:2"), Default::default())
        .await?;
    assert!(image.id.ends_with(id.trim_start_matches("sha256:")), "{id}");
    let config = image.config.unwrap_or_default();
    assert_eq!(config.labels["ptest"], name);
    assert_eq!(config.cmd, ["cat", "/greeting"]);
    assert!(text.contains("kept.log") && text.contains("main"), "{text}");
    assert!(!text.contains("lost.log") && !text.contains("secret"), "{text}");
    // Podman has one builder, which reports its steps as text.
    let podman = text.contains("STEP ");
    assert_eq!(
        steps > 3,
        builder == Builder::BuildKit && !podman,
        "{steps} steps"
    );
    for tag in ["1", "2"] {
        images
            .remove(&format!("ptest/{name}:{tag}"), RemoveImage::default())
            .await?;
    }
    Ok(())
}

/// Builds a directory with a `.dockerignore` with the classic builder.
pub async fn classic(docker: Docker) -> Result<()> {
    build(&docker, "classic", Builder::Classic).await
}

/// Builds the same directory with BuildKit.
pub async fn buildkit(docker: Docker) -> Result<()> {
    warm_up(&docker).await?;
    build(&docker, "buildkit", Builder::BuildKit).await
}

/// A step that fails, an invalid Dockerfile, and a build that is rejected before it is sent to
/// Docker.
pub async fn refusals(docker: Docker) -> Result<()> {
    warm_up(&docker).await?;
    let images = docker.images();
    for builder in [Builder::Classic, Builder::BuildKit] {
        let text = "FROM busybox:latest\nRUN echo before; exit 7\n";
        let context = fresh(BuildContext::dockerfile(text));
        let options = BuildImage {
            tags: Vec::new(),
            ..options("refusals", builder)
        };
        let error = images
            .build(context, options, None)
            .await?
            .built()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stream, "{error}");
        assert_eq!(error.operation(), Some("ImageBuild"));
        assert!(error.to_string().contains('7'), "{error}");
    }

    let context = fresh(BuildContext::dockerfile("FROM busybox:latest\nDANCE\n"));
    let outcome = match images.build(context, BuildImage::default(), None).await {
        Ok(progress) => progress.built().await,
        Err(error) => Err(error),
    };
    let error = outcome.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Api | ErrorKind::Stream),
        "{error}"
    );

    let text = "FROM busybox:latest\nRUN --mount=type=ssh true\n";
    let context = fresh(BuildContext::dockerfile(text));
    let options = BuildImage {
        no_cache: true,
        ..Default::default()
    };
    match images.build(context, options, None).await {
        // Podman needs no session.
        Ok(progress) => {
            let id = progress.built().await?;
            images.remove(&id, RemoveImage::default()).await?;
        }
        Err(error) if error.kind() == ErrorKind::NeedsBuildKit => {
            assert_eq!(error.needs_buildkit(), Some(("RUN --mount=type=ssh", 2)));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Commits a running container to an image: its files, and a changed configuration.
pub async fn commit(docker: Docker) -> Result<()> {
    let images = docker.images();
    let id = started(&docker, shell("commit", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let options = CommitImage {
        repo: "ptest/committed".into(),
        tag: "1".into(),
        comment: "as it was".into(),
        author: "Ada".into(),
        changes: vec!["LABEL ptest=committed".into(), "WORKDIR /srv".into()],
        ..Default::default()
    };
    let committed = images.commit(&id, options).await?;
    let image = images.inspect("ptest/committed:1", Default::default()).await?;
    assert!(image.id.ends_with(committed.id.trim_start_matches("sha256:")));
    assert_eq!(
        (image.author.as_str(), image.comment.as_str()),
        ("Ada", "as it was")
    );
    let config = image.config.unwrap_or_default();
    assert_eq!(config.working_dir, "/srv");
    assert_eq!(config.labels["ptest"], "committed");

    let running = CommitImage {
        repo: "ptest/committed:2".into(),
        no_pause: true,
        config: Some(ContainerConfig {
            cmd: ["/bin/true"].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    images.commit(&id, running).await?;
    let image = images.inspect("ptest/committed:2", Default::default()).await?;
    let config = image.config.unwrap_or_default();

    for name in ["ptest/committed:1", "ptest/committed:2"] {
        images.remove(name, RemoveImage::default()).await?;
    }
    remove(&docker, &id).await?;
    assert_eq!(config.cmd, ["/bin/true"]);
    let error = images
        .commit("ptest_nothing", Default::default())
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
    Ok(())
}

/// Lists and prunes the build cache. Only unused entries are removed.
pub async fn prune(docker: Docker) -> Result<()> {
    let images = docker.images();
    let options = PruneBuildCache {
        reserved_space: Some(1 << 40),
        filters: BuildCacheFilters {
            id: "ptest-nothing".into(),
            ..Default::default()
        },
        ..Default::default()
    };
    match images.prune_cache(options).await {
        Ok(pruned) => assert_eq!((pruned.caches_deleted.len(), pruned.space_reclaimed), (0, 0)),
        // Podman has no build cache to prune.
        Err(error) => assert!(error.is_unknown_route(), "{error}"),
    }
    Ok(())
}
