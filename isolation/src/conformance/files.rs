//! Checks of copies in and out.

use std::fs;

use super::subject::{HostDirectory, Outcome, Subject, equal, refused, sh};
use crate::files::CopySource;
use crate::spec::CopyIn;
use crate::{EnvironmentSpec, ErrorKind};

/// All byte values, more than fits into a buffer.
fn binary() -> Vec<u8> {
    (0..300_000u32)
        .map(|n| (n % 256) as u8 ^ (n / 256) as u8)
        .collect()
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> std::io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &std::path::Path) -> std::io::Result<u32> {
    Ok(0o751) // the host has no such permissions to compare
}

pub(super) async fn round_trip(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let source = directory.file("in", &binary())?;
    environment
        .copy_in(CopySource::Path(source), "made/on/the way/in")
        .await?;
    environment
        .copy_out("made/on/the way/in", &directory.0.join("out"))
        .await?;
    equal(
        "the content is the same",
        fs::read(directory.0.join("out"))? == binary(),
        true,
    )?;

    let content = "#!/bin/sh\necho runs\n".into();
    environment
        .copy_in(CopySource::Bytes { content, mode: 0o751 }, "script")
        .await?;
    equal("the script", sh(&environment, "./script").await?.as_str(), "runs")?;
    environment
        .copy_out("script", &directory.0.join("script"))
        .await?;
    equal("the mode", mode(&directory.0.join("script"))?, 0o751)?;

    environment.copy_in(CopySource::bytes("second"), "script").await?;
    equal(
        "replaced",
        sh(&environment, "cat script").await?.as_str(),
        "second",
    )?;
    environment.copy_in(CopySource::bytes(""), "empty").await?;
    equal("empty", sh(&environment, "wc -c < empty").await?.trim(), "0")
}

pub(super) async fn directory_round_trip(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let tree = directory.0.join("tree");
    fs::create_dir_all(tree.join("deep/er"))?;
    fs::create_dir(tree.join("empty"))?;
    fs::write(tree.join("deep/er/file"), binary())?;
    fs::write(tree.join("top"), "top")?;
    environment.copy_in(CopySource::Path(tree), "copied").await?;
    let listed = sh(&environment, "cd copied && find . | sort").await?;
    equal(
        "what arrived",
        listed.as_str(),
        ".\n./deep\n./deep/er\n./deep/er/file\n./empty\n./top",
    )?;
    sh(
        &environment,
        "echo new > copied/deep/new; ln -s ../top copied/deep/link",
    )
    .await?;
    let back = directory.0.join("back");
    environment.copy_out("copied", &back).await?;
    equal(
        "the content is the same",
        fs::read(back.join("deep/er/file"))? == binary(),
        true,
    )?;
    equal(
        "a file created inside",
        fs::read(back.join("deep/new"))?,
        b"new\n".to_vec(),
    )?;
    equal(
        "a link is a link",
        fs::read_link(back.join("deep/link"))?,
        "../top".into(),
    )?;
    equal("an empty directory", back.join("empty").is_dir(), true)
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &std::path::Path, _: u32) -> std::io::Result<()> {
    Ok(()) // the host has no such permissions
}

/// A directory that exists, such as `/tmp`, is also used by others.
pub(super) async fn existing_directories(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let [open, closed, back, out] = ["open", "closed", "back", "out"].map(|name| directory.0.join(name));
    for (path, mode) in [(&open, 0o755), (&closed, 0o700), (&out, 0o751)] {
        fs::create_dir(path)?;
        set_mode(path, mode)?;
    }
    fs::write(closed.join("file"), "text")?;
    let (usual, other) = (mode(&open)?, mode(&out)?);
    for (source, target) in [(&open, "there"), (&closed, "there"), (&closed, "new")] {
        let source = CopySource::Path(source.clone());
        environment.copy_in(source, target).await?;
    }
    for (source, target, expected) in [("there", &back, usual), ("new", &out, other)] {
        environment.copy_out(source, target).await?;
        equal("the file", fs::read(target.join("file"))?, b"text".to_vec())?;
        equal("the permissions", mode(target)?, expected)?;
    }
    Ok(())
}

pub(super) async fn specified_copies(subject: &Subject<'_>) -> Outcome {
    let directory = HostDirectory::new()?;
    let source = directory.file("setting", b"value")?;
    let copies = vec![CopyIn {
        source,
        target: "etc/setting".into(),
    }];
    let spec = EnvironmentSpec {
        copies,
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    environment.start().await?;
    equal(
        "the copy",
        sh(&environment, "cat etc/setting").await?.as_str(),
        "value",
    )
}

pub(super) async fn absolute_paths(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    environment
        .copy_in(CopySource::bytes("rooted"), "/conformance/file")
        .await?;
    environment
        .copy_out("/conformance/file", &directory.0.join("file"))
        .await?;
    equal(
        "the content",
        fs::read(directory.0.join("file"))?,
        b"rooted".to_vec(),
    )
}

pub(super) async fn paths_outside(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let up = "../../../../../../../../../../conformance-outside";
    let result = environment.copy_in(CopySource::bytes("x"), up).await;
    refused(up, result, ErrorKind::OutsideEnvironment)?;
    let result = environment.copy_out(up, &directory.0.join("x")).await;
    refused(up, result, ErrorKind::OutsideEnvironment)?;
    for path in ["", "a\0b"] {
        let result = environment.copy_in(CopySource::bytes("x"), path).await;
        refused(&format!("{path:?}"), result, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

pub(super) async fn missing_sources(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let result = environment
        .copy_in(CopySource::Path(directory.0.join("missing")), "x")
        .await;
    refused("a missing file of the host", result, ErrorKind::NotFound)?;
    let result = environment.copy_out("missing", &directory.0.join("x")).await;
    refused("a missing file of the environment", result, ErrorKind::NotFound)?;
    equal("the target exists", directory.0.join("x").exists(), false)
}
