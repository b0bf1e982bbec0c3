//! `isolate migrate`: moves an environment to another engine.

use std::fmt::Write;

use clap::Args;
use isolation::packages::PackageIndex;
use isolation::{
    Command, Destination, Event, EventKind, Lifetime, MigrateOptions, MigrationPlan, MigrationStep,
};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::events_during::events_during;
use crate::exit_code;
use crate::session::Session;
use crate::signals;

/// Create an environment with the state of another one on another engine, and print its ID
///
/// Between two Docker daemons everything moves. Between engines the files of one directory move,
/// and a virtual environment of Python in it: with its files if the interpreter there fits, or
/// installed again from the list of its packages. --plan lists what moves and what is lost, and
/// changes nothing; it pulls no image. The new environment is tested; after a failure nothing is
/// left of it. The old one stays, unless --rm is given.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Print the plan only
    #[arg(long)]
    plan: bool,
    /// Address of another Docker daemon, such as unix:///path or ssh://user@host
    #[arg(long, value_name = "ADDRESS")]
    to_host: Option<String>,
    /// Image of the new environment
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Directory that moves, if not the working directory; in a new container /work by default
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// Name of the new environment
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Address of the index from which packages are installed again
    #[arg(long, value_name = "URL", conflicts_with = "no_index")]
    index_url: Option<String>,
    /// Use no index to install packages again
    #[arg(long)]
    no_index: bool,
    /// Directory in the new environment, or address, with archives of packages
    #[arg(long, value_name = "PLACE")]
    find_links: Vec<String>,
    /// Shell command that must succeed in the new environment
    #[arg(long, value_name = "COMMAND")]
    probe: Option<String>,
    /// Migrate it although packages or networks that programs need are lost
    #[arg(long)]
    accept_losses: bool,
    /// Remove the old environment in the end
    #[arg(long)]
    rm: bool,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// Engine to which it moves
    #[arg(value_name = "ENGINE")]
    engine: String,
}

impl Migrate {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        signals::interruptible(
            console,
            "removing the new environment; the old one stays",
            async {
                let manager = session.manager();
                let environment = manager.open(&self.environment).await?;
                let to = Destination {
                    engine: self.engine.clone(),
                    address: self.to_host.clone(),
                };
                if self.plan {
                    let plan = manager.plan_migration(&environment, &to, &self.options()).await?;
                    match console.json {
                        true => console.value(&plan)?,
                        false => console.text(&text(&plan))?,
                    }
                    return Ok(exit_code::SUCCESS);
                }
                let events = manager.subscribe();
                let work = manager.migrate(&environment, &to, self.options());
                let steps = |event: Event| print(&event, console);
                let migrated = events_during(events, Box::pin(work), steps).await?;
                let (made, plan) = (&migrated.environment, &migrated.plan);
                match console.json {
                    true => console.value(&json!({
                        "id": made.id(), "name": made.name(), "engine": made.engine(), "plan": plan,
                        "source_removed": migrated.source_removed,
                    }))?,
                    false => {
                        for lost in &plan.lost {
                            console.note(&format!("lost: {} ({})", lost.what, lost.why));
                        }
                        console.text(&format!("{}\n", made.id()))?;
                    }
                }
                if self.rm && !migrated.source_removed {
                    console.warning("the old environment could not be removed; `isolate rm` removes it");
                }
                Ok(exit_code::SUCCESS)
            },
        )
        .await
    }

    fn options(&self) -> MigrateOptions {
        MigrateOptions {
            name: self.name.clone(),
            lifetime: Lifetime::Kept,
            image: self.image.clone(),
            directory: self.directory.clone(),
            index: match (&self.index_url, self.no_index) {
                (Some(address), _) => PackageIndex::Address(address.clone()),
                (None, true) => PackageIndex::None,
                (None, false) => PackageIndex::Public,
            },
            find_links: self.find_links.clone(),
            probe: self.probe.as_ref().map(Command::shell),
            accept_losses: self.accept_losses,
            remove_source: self.rm,
        }
    }
}

fn print(event: &Event, console: Console) {
    let EventKind::Migrating { step } = event.kind else {
        return;
    };
    match console.json {
        // A closed pipe is reported by the result that follows.
        true => drop(console.value(&json!({ "type": "migrating", "step": step }))),
        false => console.note(name(step)),
    }
}

fn name(step: MigrationStep) -> &'static str {
    match step {
        MigrationStep::Planned => "planned",
        MigrationStep::Read => "files read",
        MigrationStep::Written => "files written to the new environment",
        MigrationStep::Installed => "packages installed",
        MigrationStep::Tested => "new environment tested",
        _ => "next step",
    }
}

/// `Write` to a text does not fail.
fn text(plan: &MigrationPlan) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<11}{value}");
    };
    for (name, place) in [("from", &plan.from), ("to", &plan.to)] {
        let address = place.address.as_ref().map(|address| format!(" at {address}"));
        let image = place.image.as_ref().map(|image| format!(", image {image}"));
        let (address, image) = (address.unwrap_or_default(), image.unwrap_or_default());
        let pulled = if place.pulls { ", which will be pulled" } else { "" };
        row(name, &format!("{}{address}{image}{pulled}", place.engine));
    }
    for moved in &plan.moves {
        row("moves", &format!("{} -> {}", moved.what, moved.to));
    }
    for package in &plan.reinstalled {
        row("installs", &format!("{} ({})", package.package, package.why));
    }
    for open in &plan.undecided {
        row("undecided", &format!("{} ({})", open.what, open.why));
    }
    for lost in &plan.lost {
        row("lost", &format!("{} ({})", lost.what, lost.why));
    }
    for lost in &plan.blocked {
        row("needed", &format!("{} ({})", lost.what, lost.why));
    }
    for hint in &plan.hints {
        row("hint", hint);
    }
    text
}
