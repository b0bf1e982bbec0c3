//! Calls an engine with bollard, and prints the same output in every run: `foreign-bollard NAME
//! IMAGE`.

use std::collections::HashMap;
use std::error::Error;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters as query;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An engine, and the prefix of all names.
struct Run {
    docker: Docker,
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (name, image) = (arguments.next().ok_or("NAME")?, arguments.next().ok_or("IMAGE")?);
    let run = Run {
        docker: Docker::connect_with_defaults()?,
        name,
    };
    let label = format!("foreign={}", run.name);
    let events = query::EventsOptionsBuilder::default()
        .filters(&HashMap::from([("label", vec![label.as_str()])]))
        .build();
    let mut events = run.docker.events(Some(events));
    // The request is sent at the first poll of the stream.
    tokio::select! {
        event = events.next() => println!("early {event:?}"),
        () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
    }
    run.pull(&image).await?;
    run.containers().await?;
    run.exec().await?;
    run.look().await?;
    run.copy().await?;
    run.attach().await?;
    run.build().await?;
    run.rest().await?;
    println!("== events");
    while let Some(event) = events.try_next().await? {
        let action = event.action.unwrap_or_default();
        println!("{action}");
        if action == "destroy" {
            break;
        }
    }
    Ok(())
}

impl Run {
    fn named(&self, end: &str) -> String {
        format!("{}_{end}", self.name)
    }

    async fn pull(&self, image: &str) -> Result<()> {
        println!("== pull");
        let (repository, tag) = image.rsplit_once(':').ok_or("IMAGE has no tag")?;
        let what = query::CreateImageOptionsBuilder::default()
            .from_image(repository)
            .tag(tag)
            .build();
        self.docker
            .create_image(Some(what), None, None)
            .try_collect::<Vec<_>>()
            .await?;
        println!("{:?}", self.docker.inspect_image(image).await?.os);
        self.docker
            .remove_image(image, None::<query::RemoveImageOptions>, None)
            .await?;
        Ok(())
    }

    async fn create(&self, end: &str, script: &str) -> Result<()> {
        let body = ContainerCreateBody {
            image: Some("busybox".into()),
            cmd: Some(["sh", "-c", script].map(String::from).to_vec()),
            labels: Some(
                HashMap::from([("foreign".into(), self.name.clone())])
                    .into_iter()
                    .filter(|_| end == "one")
                    .collect(),
            ),
            open_stdin: Some(end == "five"),
            stdin_once: Some(end == "five"),
            ..Default::default()
        };
        let named = query::CreateContainerOptionsBuilder::default()
            .name(&self.named(end))
            .build();
        self.docker.create_container(Some(named), body).await?;
        Ok(())
    }

    async fn start(&self, end: &str) -> Result<()> {
        Ok(self
            .docker
            .start_container(&self.named(end), None::<query::StartContainerOptions>)
            .await?)
    }

    async fn containers(&self) -> Result<()> {
        println!("== create, start, inspect");
        self.create("one", "echo out; sleep 0.3; echo err >&2; sleep 600")
            .await?;
        self.start("one").await?;
        let found = self
            .docker
            .inspect_container(&self.named("one"), None::<query::InspectContainerOptions>)
            .await?;
        println!("{:?}", found.state.and_then(|state| state.status));
        Ok(())
    }

    async fn exec(&self) -> Result<()> {
        println!("== exec");
        let options = CreateExecOptions {
            cmd: Some(vec!["cat"]),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let exec = self.docker.create_exec(&self.named("one"), options).await?;
        if let StartExecResults::Attached { output, mut input } =
            self.docker.start_exec(&exec.id, None).await?
        {
            input.write_all(b"to be read\n").await?;
            input.shutdown().await?;
            print(output).await?;
        }
        println!("{:?}", self.docker.inspect_exec(&exec.id).await?.exit_code);
        Ok(())
    }

    async fn look(&self) -> Result<()> {
        println!("== stats, logs");
        let all = query::LogsOptionsBuilder::default().stdout(true).stderr(true);
        let once = query::StatsOptionsBuilder::default().stream(false).build();
        let stats = self
            .docker
            .stats(&self.named("one"), Some(once))
            .try_next()
            .await?;
        println!(
            "{:?}",
            stats
                .and_then(|stats| stats.pids_stats)
                .and_then(|pids| pids.current)
        );
        print(self.docker.logs(&self.named("one"), Some(all.clone().build()))).await?;
        println!("== logs, followed");
        self.create("two", "for i in 1 2; do echo line $i; sleep 0.4; done")
            .await?;
        self.start("two").await?;
        print(
            self.docker
                .logs(&self.named("two"), Some(all.follow(true).build())),
        )
        .await
    }

    async fn copy(&self) -> Result<()> {
        println!("== cp");
        let to = query::UploadToContainerOptionsBuilder::default()
            .path("/tmp")
            .build();
        let body = bollard::body_full(archive(&[("file", "hello\n")])?.into());
        self.docker
            .upload_to_container(&self.named("one"), Some(to), body)
            .await?;
        let from = query::DownloadFromContainerOptionsBuilder::default()
            .path("/tmp/file")
            .build();
        let pieces: Vec<_> = self
            .docker
            .download_from_container(&self.named("one"), Some(from))
            .try_collect()
            .await?;
        for entry in tar::Archive::new(&pieces.concat()[..]).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.display().to_string();
            println!("{path} {}", std::io::read_to_string(&mut entry)?.trim());
        }
        let changes = self.docker.container_changes(&self.named("one")).await?;
        println!("{}", changes.unwrap_or_default().len());
        Ok(())
    }

    async fn attach(&self) -> Result<()> {
        println!("== attach");
        self.create("three", "sleep 1; echo from within; exit 3").await?;
        let all = query::AttachContainerOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let attached = self
            .docker
            .attach_container(&self.named("three"), Some(all))
            .await?;
        self.start("three").await?;
        print(attached.output).await?;
        let mut wait = self
            .docker
            .wait_container(&self.named("three"), None::<query::WaitContainerOptions>);
        println!("{}", wait.next().await.ok_or("no end")?.is_err());
        self.attach_to_input().await
    }

    async fn attach_to_input(&self) -> Result<()> {
        self.create("five", "cat").await?;
        let all = query::AttachContainerOptionsBuilder::default()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let mut attached = self
            .docker
            .attach_container(&self.named("five"), Some(all))
            .await?;
        self.start("five").await?;
        attached.input.write_all(b"typed in\n").await?;
        attached.input.shutdown().await?;
        print(attached.output).await
    }

    async fn build(&self) -> Result<()> {
        println!("== build");
        let dockerfile = "FROM busybox\nCOPY file /file\nRUN cat /file\n";
        let context = archive(&[("Dockerfile", dockerfile), ("file", "hello\n")])?;
        let options = query::BuildImageOptionsBuilder::default()
            .t(&self.named("image"))
            .nocache(true)
            .rm(true)
            .build();
        let body = bollard::body_full(context.into());
        let mut lines = self.docker.build_image(options, None, Some(body));
        while let Some(line) = lines.try_next().await? {
            if let Some(text) = line.stream.filter(|text| text.starts_with("Step")) {
                println!("{}", text.trim());
            }
        }
        self.docker
            .remove_image(&self.named("image"), None::<query::RemoveImageOptions>, None)
            .await?;
        Ok(())
    }

    async fn rest(&self) -> Result<()> {
        println!("== networks and volumes");
        let network = NetworkCreateRequest {
            name: self.named("net"),
            ..Default::default()
        };
        self.docker.create_network(network).await?;
        let volume = VolumeCreateRequest {
            name: Some(self.named("vol")),
            ..Default::default()
        };
        self.docker.create_volume(volume).await?;
        self.docker.remove_network(&self.named("net")).await?;
        self.docker
            .remove_volume(&self.named("vol"), None::<query::RemoveVolumeOptions>)
            .await?;
        println!("== a thing that is not there");
        let none = self
            .docker
            .inspect_container(&self.named("none"), None::<query::InspectContainerOptions>)
            .await;
        println!("{}", none.is_err());
        println!("== remove");
        for end in ["one", "two", "three", "five"] {
            let force = query::RemoveContainerOptionsBuilder::default()
                .force(true)
                .build();
            self.docker
                .remove_container(&self.named(end), Some(force))
                .await?;
        }
        Ok(())
    }
}

/// A tar archive of these files, the same in every run.
fn archive(files: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_704_164_645);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    Ok(tar.into_inner()?)
}

async fn print(
    mut output: impl StreamExt<Item = std::result::Result<LogOutput, bollard::errors::Error>> + Unpin,
) -> Result<()> {
    while let Some(piece) = output.next().await {
        match piece? {
            LogOutput::StdErr { message } => print!("err: {}", String::from_utf8_lossy(&message)),
            piece => print!("{piece}"),
        }
    }
    Ok(())
}
