//! `isolate image ls`: the images of the daemon or of the engine sandbox, and the environments that
//! use them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::{HumanBytes, HumanDuration};
use isolation::counted;
use isolation::engines::docker::{ImageEntry, Images};
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::SandboxImage;

use super::ImageEngine;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::table::table;

/// List images with their sizes and the environments that use them
///
/// SIZE includes layers that images share. BUILT marks the images that `isolate` has built, which
/// `isolate image prune` removes once they are not used.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Whose images
    #[arg(long, value_enum, default_value = "docker")]
    pub(super) engine: ImageEngine,
}

impl Ls {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        console.list(&images.list().await?, |image| &image.id, text)?;
        Ok(exit_code::SUCCESS)
    }
}

#[cfg(target_os = "linux")]
impl Ls {
    pub(super) async fn run_sandbox(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let listed = session.sandbox()?.images().list().await?;
        console.list(&listed, |image| &image.id, sandbox_text)?;
        Ok(exit_code::SUCCESS)
    }
}

#[cfg(target_os = "linux")]
fn sandbox_text(images: &[SandboxImage]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let row = |image: &SandboxImage| {
        let users: Vec<&str> = image.environments.iter().map(String::as_str).collect();
        [
            or_dash(image.names.join(" ")),
            short(&image.id).to_owned(),
            age(i64::try_from(image.imported).unwrap_or_default(), now),
            HumanBytes(image.size).to_string(),
            or_dash(users.join(" ")),
        ]
    };
    let rows: Vec<_> = images.iter().map(row).collect();
    table(["NAME", "ID", "IMPORTED", "SIZE", "USED BY"], &rows)
}

#[cfg(not(target_os = "linux"))]
impl Ls {
    pub(super) async fn run_sandbox(&self, _: &Session, _: Console) -> Result<u8, CliError> {
        Err(super::linux_only())
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn text(images: &[ImageEntry]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let rows: Vec<_> = images.iter().map(|image| row(image, now)).collect();
    table(["NAME", "ID", "CREATED", "SIZE", "BUILT", "USED BY"], &rows)
}

fn row(image: &ImageEntry, now: Duration) -> [String; 6] {
    let others = image.containers.saturating_sub(image.environments.len());
    let mut users: Vec<String> = image.environments.iter().cloned().collect();
    if others > 0 {
        users.push(counted(others, "other container", "other containers"));
    }
    [
        or_dash(image.names.join(" ")),
        short(&image.id).to_owned(),
        age(image.created, now),
        HumanBytes(image.size).to_string(),
        if image.built { "yes" } else { "-" }.to_owned(),
        or_dash(users.join(" ")),
    ]
}

/// The beginning of an ID, as the docker command shows it.
fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

fn age(created: i64, now: Duration) -> String {
    match u64::try_from(created) {
        Ok(seconds) if seconds > 0 => {
            let age = now.saturating_sub(Duration::from_secs(seconds));
            format!("{} ago", HumanDuration(age))
        }
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_names_what_uses_the_image() {
        let mut image = ImageEntry::default();
        image.id = format!("sha256:{}", "a".repeat(64));
        let now = Duration::from_secs(1_000_000);
        assert_eq!(row(&image, now), ["-", "aaaaaaaaaaaa", "-", "0 B", "-", "-"]);
        image.names = vec!["a:1".into(), "b:2".into()];
        image.size = 1 << 20;
        image.created = 1_000_000 - 3600;
        image.built = true;
        image.containers = 3;
        image.environments = ["e1".to_owned()].into();
        assert_eq!(
            row(&image, now),
            [
                "a:1 b:2",
                "aaaaaaaaaaaa",
                "60 minutes ago",
                "1.00 MiB",
                "yes",
                "e1 2 other containers"
            ]
        );
    }
}
